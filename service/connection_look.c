/* What others see of a connection: who is at its other end, and what it is at. */
#include "service/connection.h"

#include "service/meter.h"

bool connection_peer(const struct connection *connection, struct address *out)
{
    struct sockaddr_storage peer;
    int size = sizeof peer;

    return uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&peer, &size) == 0 &&
           address_from_socket((struct sockaddr *)&peer, out);
}

enum meter_state connection_state(const struct connection *connection)
{
    switch (connection->state) {
    case CONNECTION_READING:
        break;
    case CONNECTION_WAITING:
        return METER_WAITING;
    case CONNECTION_BLOCKED:
        return METER_WRITING;
    case CONNECTION_FINISHING:
    case CONNECTION_CLOSING:
        return METER_ENDING;
    }
    return connection->queued_seen > 0            ? METER_WRITING
           : connection->http.stage == STAGE_IDLE ? METER_IDLE
                                                  : METER_READING;
}
