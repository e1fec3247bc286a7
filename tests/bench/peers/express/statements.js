'use strict';
// One statement an answer: PostgreSQL makes the JSON, and makes it as text, so that node neither
// parses nor writes it again. Named, so that each connection prepares it once.

const date = (column) =>
    `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const list = (query) => `coalesce((${query}), '[]'::json)`;
const map = (query) => `coalesce((${query}), '{}'::json)`;

const photos = (table, column, owner) => list(`
    SELECT json_agg(json_build_object('id', p.id, 'url', p.url) ORDER BY p.id)
    FROM ${table} p WHERE p.${column} = ${owner}`);

const reviewOrders = {
    relevant: 'r.helpfulness DESC, r.date DESC, r.id',
    newest: 'r.date DESC, r.id',
    helpful: 'r.helpfulness DESC, r.id',
};

// $1: the key, $2: the key as it was sent, $3: the page from 0, $4: rows a page.
const reviews = (order) => `
    SELECT json_build_object('product', $2::text, 'page', $3::int, 'count', $4::int,
                             'results', ${list(`
        SELECT json_agg(row_to_json(t)) FROM (
            SELECT r.id AS review_id, r.rating, r.summary, r.recommend, r.response, r.body,
                   ${date('r.date')} AS date, r.reviewer_name, r.helpfulness,
                   ${photos('reviews_photos', 'review_id', 'r.id')} AS photos
            FROM reviews r WHERE r.product_id = $1 AND NOT r.reported
            ORDER BY ${order} LIMIT $4 OFFSET $3::bigint * $4) t`)})::text AS body`;

const answers = `
    SELECT json_build_object('question', $2::text, 'page', $3::int + 1, 'count', $4::int,
                             'results', ${list(`
        SELECT json_agg(row_to_json(t)) FROM (
            SELECT a.id AS answer_id, a.body, ${date('a.date_written')} AS date, a.answerer_name,
                   a.helpful AS helpfulness,
                   ${photos('answers_photos', 'answer_id', 'a.id')} AS photos
            FROM answers a WHERE a.question_id = $1 AND NOT a.reported
            ORDER BY a.helpful DESC, a.id LIMIT $4 OFFSET $3::bigint * $4) t`)})::text AS body`;

const questionAnswers = map(`
    SELECT json_object_agg(a.id, json_build_object(
               'id', a.id, 'body', a.body, 'date', ${date('a.date_written')},
               'answerer_name', a.answerer_name, 'helpfulness', a.helpful,
               'photos', ${list(`SELECT json_agg(p.url ORDER BY p.id) FROM answers_photos p
                                 WHERE p.answer_id = a.id`)})
           ORDER BY a.helpful DESC, a.id)
    FROM answers a WHERE a.question_id = q.id AND NOT a.reported`);

const questions = `
    SELECT json_build_object('product_id', $2::text, 'results', ${list(`
        SELECT json_agg(row_to_json(t)) FROM (
            SELECT q.id AS question_id, q.body AS question_body,
                   ${date('q.date_written')} AS question_date, q.asker_name,
                   q.helpful AS question_helpfulness, q.reported, ${questionAnswers} AS answers
            FROM questions q WHERE q.product_id = $1 AND NOT q.reported
            ORDER BY q.helpful DESC, q.id LIMIT $4 OFFSET $3::bigint * $4) t`)})::text AS body`;

// $1: the key, $2: the key as it was sent.
const meta = `
    SELECT json_build_object('product_id', $2::text,
        'ratings', ${map(`
            SELECT json_object_agg(t.rating, t.votes::text ORDER BY t.rating) FROM (
                SELECT rating, count(*) AS votes FROM reviews
                WHERE product_id = $1 AND NOT reported GROUP BY rating) t`)},
        'recommended', ${map(`
            SELECT json_object_agg(t.recommend::text, t.votes::text ORDER BY t.recommend) FROM (
                SELECT recommend, count(*) AS votes FROM reviews
                WHERE product_id = $1 AND NOT reported AND recommend IS NOT NULL
                GROUP BY recommend) t`)},
        'characteristics', ${map(`
            SELECT json_object_agg(t.name, json_build_object('id', t.id, 'value', t.value)
                                   ORDER BY t.id) FROM (
                SELECT c.id, c.name,
                       round(avg(s.value) FILTER (WHERE NOT r.reported), 16)::text AS value
                FROM characteristics c
                LEFT JOIN characteristic_reviews s ON s.characteristic_id = c.id
                LEFT JOIN reviews r ON r.id = s.review_id
                WHERE c.product_id = $1 GROUP BY c.id) t`)})::text AS body`;

const product = `
    SELECT json_build_object('id', p.id, 'name', p.name, 'slogan', p.slogan,
        'description', p.description, 'category', p.category,
        'default_price', p.default_price::text,
        'features', ${list(`
            SELECT json_agg(json_build_object('feature', f.feature, 'value', f.value) ORDER BY f.id)
            FROM features f WHERE f.product_id = p.id`)})::text AS body
    FROM products p WHERE p.id = $1`;

const styles = `
    SELECT json_build_object('product_id', $2::text, 'results', ${list(`
        SELECT json_agg(json_build_object(
            'style_id', s.id, 'name', s.name, 'original_price', s.original_price::text,
            'sale_price', s.sale_price::text, 'default?', s.default_style,
            'photos', ${list(`
                SELECT json_agg(json_build_object('thumbnail_url', p.thumbnail_url, 'url', p.url)
                                ORDER BY p.id)
                FROM photos p WHERE p.style_id = s.id`)},
            'skus', ${map(`
                SELECT json_object_agg(k.id, json_build_object('quantity', k.quantity,
                                                               'size', k.size) ORDER BY k.id)
                FROM skus k WHERE k.style_id = s.id`)}) ORDER BY s.id)
        FROM styles s WHERE s.product_id = p.id`)})::text AS body
    FROM products p WHERE p.id = $1`;

// $1: the key.
const related = `
    SELECT ${list(`SELECT json_agg(related_id ORDER BY id) FROM related
                   WHERE product_id = $1 AND related_id <> 0`)}::text AS body`;

const named = (name, text) => ({ name, text });

module.exports = {
    reviews: Object.fromEntries(Object.entries(reviewOrders).map(
        ([name, order]) => [name, named(`reviews_${name}`, reviews(order))])),
    meta: named('meta', meta),
    questions: named('questions', questions),
    answers: named('answers', answers),
    product: named('product', product),
    styles: named('styles', styles),
    related: named('related', related),
};
