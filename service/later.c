#include "service/later.h"

void later_queue_init(struct later_queue *queue, uv_async_t *wake)
{
    *queue = (struct later_queue){.wake = wake};
    uv_mutex_init(&queue->lock);
}

void later_queue_free(struct later_queue *queue)
{
    uv_mutex_destroy(&queue->lock);
}

/* The loop is woken under the lock: its handle lives until the queue is muted. */
void later_queue_add(struct later_queue *queue, struct later *later)
{
    later->next = NULL;
    uv_mutex_lock(&queue->lock);
    if (queue->first == NULL) {
        queue->first = later;
        if (queue->wake != NULL) {
            uv_async_send(queue->wake);
        }
    } else {
        queue->last->next = later;
    }
    queue->last = later;
    uv_mutex_unlock(&queue->lock);
}

struct later *later_queue_take(struct later_queue *queue)
{
    struct later *first;

    uv_mutex_lock(&queue->lock);
    first = queue->first;
    queue->first = NULL;
    queue->last = NULL;
    uv_mutex_unlock(&queue->lock);
    return first;
}

void later_queue_mute(struct later_queue *queue)
{
    uv_mutex_lock(&queue->lock);
    queue->wake = NULL;
    uv_mutex_unlock(&queue->lock);
}
