/* HTTP/1.1 by hand on bufferevents, so that an answer can go wrong at any byte: requests are
 * parsed here, answers framed and sent in pieces as the reader takes them. What is answered is
 * api.c's business. */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include "faults.h"

#define SIM_CONNECTIONS_MAX 1024
#define SIM_HEAD_MAX        65536 /* bytes of a request's head; more is 431 */

typedef struct sim_conn sim_conn;

typedef struct sim_request {
    enum sim_kind kind; /* set by the API's router before it answers */
    bool get, head;
    char *path;  /* as sent, without the query */
    char *query; /* "" if none */
} sim_request;

/* Where an answer's body comes from. */
typedef struct sim_body {
    bool (*more)(void *arg, rc_buf *out); /* appends a piece; false: it was the last */
    void (*done)(void *arg);              /* frees arg; called once */
    void *arg;
} sim_body;

/* What is asked of the API: it must answer, now, with one of the calls below. The request is valid
 * during the call. */
typedef void sim_http_handler(sim *s, sim_conn *conn, sim_request *request);

sim_http *sim_http_new(sim *s, sim_http_handler *handler);
sim_http *sim_http_free(sim_http *h);

/* unix_path: replaced if it is a socket that nobody listens on. */
int sim_http_listen_unix(sim_http *h, const char *unix_path, rc_error *err);
int sim_http_listen_tcp(sim_http *h, const char *address, uint16_t port, uint16_t *ret_port,
                        rc_error *err);

enum sim_http_mode {
    SIM_HTTP_SERVE,
    SIM_HTTP_HANG,   /* accepts, answers nothing until it serves again, as a daemon that starts */
    SIM_HTTP_REFUSE, /* ECONNREFUSED: the socket's file stays */
    SIM_HTTP_GONE,   /* the file is gone, too */
};
int sim_http_mode(sim_http *h, enum sim_http_mode mode, rc_error *err);

/* All connections end at once, in mid-answer or not. */
void sim_http_cut_all(sim_http *h);

/* Answers of the kind that are held go out. Returns how many. */
unsigned sim_http_release(sim_http *h, enum sim_kind kind);
unsigned sim_http_held(const sim_http *h);
unsigned sim_http_open(const sim_http *h);

/* ---- answering ---- */

/* The fault of this request; the handler asks once, after it has set the kind. */
const sim_answer_fault *sim_conn_fault(sim_conn *c, enum sim_kind kind);

void sim_conn_answer(sim_conn *c, int status, const char *content_type, const sim_body *body);

/* The same with a whole body, whose memory becomes the answer's. */
void sim_conn_answer_buf(sim_conn *c, int status, const char *content_type, rc_buf *body);

/* An endless answer: `ready` is called when the headers have gone out (and the pause before the
 * subscription is over), `closed` once when the connection ends. */
typedef struct sim_conn_stream {
    void (*ready)(void *arg, sim_conn *c);
    void (*closed)(void *arg);
    void *arg;
} sim_conn_stream;
void sim_conn_stream_begin(sim_conn *c, const sim_conn_stream *stream);

void sim_conn_chunk(sim_conn *c, rc_str bytes);
/* The first n bytes of the chunk that would be, then the end. */
void sim_conn_chunk_cut(sim_conn *c, rc_str bytes, size_t n);
void sim_conn_end(sim_conn *c, bool last_chunk);
size_t sim_conn_backlog(const sim_conn *c);

#endif
