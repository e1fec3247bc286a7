'use strict';
// The reads of assets/atelier as a team would write them on Express and PostgreSQL, with what makes
// that fast: a process a core, a pool in each, prepared statements, indexes (those of the
// definition), one statement an answer, no ETag and no header that nobody asked for.
//
//   PORT=8080 WORKERS=1 POOL=8 PGHOST=/folder PGDATABASE=shop PGUSER=postgres node server.js

const cluster = require('node:cluster');
const express = require('express');
const { Pool } = require('pg');
const statements = require('./statements');

const MOST = 10000;

function serve() {
    const pool = new Pool({ max: Number(process.env.POOL) });
    const app = express();
    app.disable('x-powered-by');
    app.disable('etag');
    app.set('query parser', 'simple');

    const integer = (text) => (/^-?[0-9]{1,18}$/.test(text) ? text : null);
    const positive = (text, otherwise) => (
        /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : otherwise);

    async function answer(response, statement, values, missing) {
        const { rows } = await pool.query({ ...statement, values });
        if (rows.length === 0) {
            response.status(404).type('text').send(missing);
        } else {
            response.type('json').send(rows[0].body);
        }
    }

    // A route: where its key is, what is said to a bad one, and the values of its statement.
    function get(path, key, status, refusal, choose, values) {
        app.get(path, (request, response, next) => {
            const text = key(request);
            const id = integer(text);
            if (id === null) {
                response.status(status).type('text').send(refusal);
                return;
            }
            answer(response, choose(request), values(id, text, request), refusal).catch(next);
        });
    }

    const ofQuery = (request) => request.query.product_id;
    const keyOnly = (id) => [id];
    const keyAndText = (id, text) => [id, text];
    const paged = (id, text, { query }) => [
        id, text, positive(query.page, 1) - 1, Math.min(positive(query.count, 5), MOST)];
    const badProduct = 'Error: invalid product id provided';
    const badProductId = 'Error: invalid product_id provided';
    const ofPath = (request) => request.params.id;

    get('/products/:id', ofPath, 404, badProduct, () => statements.product, keyOnly);
    get('/products/:id/styles', ofPath, 404, badProduct, () => statements.styles, keyAndText);
    get('/products/:id/related', ofPath, 404, badProduct, () => statements.related, keyOnly);
    get('/reviews', ofQuery, 422, badProductId,
        ({ query }) => statements.reviews[query.sort] || statements.reviews.relevant, paged);
    get('/reviews/meta', ofQuery, 422, badProductId, () => statements.meta, keyAndText);
    get('/qa/questions', ofQuery, 422, badProductId, () => statements.questions, paged);
    get('/qa/questions/:id/answers', ofPath, 404, 'Error: invalid question id provided',
        () => statements.answers, paged);

    app.listen(Number(process.env.PORT), '127.0.0.1');
    process.on('SIGTERM', () => process.exit(0));
}

if (cluster.isPrimary) {
    for (let i = 0; i < Number(process.env.WORKERS); i++) {
        cluster.fork();
    }
    process.on('SIGTERM', () => {
        Object.values(cluster.workers).forEach((worker) => worker.process.kill('SIGTERM'));
        process.exit(0);
    });
} else {
    serve();
}
