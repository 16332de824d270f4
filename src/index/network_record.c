/* The network record: a fixed header, then strings one after the other. Networks are few and read
 * whole, so nothing in it is reached by an offset. */
#include "index/network_record.h"

#include <endian.h>
#include <string.h>

#include "base/cleanup.h"
#include "index/kv.h"

enum header_offset {
    AT_VERSION = 0,
    AT_HEADER_SIZE = 2,
    AT_TOTAL_SIZE = 4,
    AT_CREATED = 8,
    AT_FLAGS = 16,
    AT_LABELS = 20,
    AT_RESERVED = 24,
};

enum flag {
    FLAG_INTERNAL = 1,
    FLAG_INGRESS = 2,
    FLAG_ATTACHABLE = 4,
    FLAG_IPV6 = 8,
    FLAGS_ALL = 15
};

static void store(char *p, uint64_t v, size_t n)
{
    v = htole64(v);
    memcpy(p, &v, n);
}

static uint64_t load(const char *p, size_t n)
{
    uint64_t v = 0;
    memcpy(&v, p, n);
    return le64toh(v);
}

static uint64_t size_of(const rc_network *net)
{
    const rc_str strings[] = {net->id, net->name, net->driver, net->scope};
    uint64_t size = RC_NETWORK_HEADER;
    for (size_t i = 0; i < RC_ARRAY_LEN(strings); i++)
        size += strings[i].len > RC_NETWORK_MAX ? RC_NETWORK_MAX : strings[i].len + 5;
    for (uint32_t i = 0; i < net->n_labels && size <= RC_NETWORK_MAX; i++) {
        uint64_t key = net->labels[i].key.len, value = net->labels[i].value.len;
        size += key > RC_NETWORK_MAX || value > RC_NETWORK_MAX ? RC_NETWORK_MAX : key + value + 10;
    }
    return size;
}

/* Length, bytes, NUL. */
static char *put_str(char *p, rc_str s)
{
    store(p, s.len, 4);
    if (s.len)
        memcpy(p + 4, s.ptr, s.len);
    p[4 + s.len] = '\0';
    return p + 4 + s.len + 1;
}

int rc_network_encode(const rc_network *net, rc_buf *out, rc_error *err)
{
    if (net->id.len == 0 || net->id.len > RC_KV_KEY_MAX)
        return rc_fail(err, RC_INVALID, "network cannot be stored: its id has %zu bytes",
                       net->id.len);
    uint64_t size = size_of(net);
    if (size > RC_NETWORK_MAX)
        return rc_fail(err, RC_FULL, "network is larger than %u bytes", RC_NETWORK_MAX);
    char *p = rc_buf_extend(out, size);
    if (!p)
        return rc_fail(err, RC_NOMEM, "no memory for a network");
    memset(p, 0, RC_NETWORK_HEADER);
    store(p + AT_VERSION, RC_NETWORK_VERSION, 2);
    store(p + AT_HEADER_SIZE, RC_NETWORK_HEADER, 2);
    store(p + AT_TOTAL_SIZE, size, 4);
    store(p + AT_CREATED, (uint64_t)net->created_ns, 8);
    store(p + AT_FLAGS,
          (net->internal ? FLAG_INTERNAL : 0U) | (net->ingress ? FLAG_INGRESS : 0U) |
              (net->attachable ? FLAG_ATTACHABLE : 0U) | (net->ipv6 ? FLAG_IPV6 : 0U),
          4);
    store(p + AT_LABELS, net->n_labels, 4);
    p += RC_NETWORK_HEADER;
    p = put_str(put_str(put_str(put_str(p, net->id), net->name), net->driver), net->scope);
    for (uint32_t i = 0; i < net->n_labels; i++)
        p = put_str(put_str(p, net->labels[i].key), net->labels[i].value);
    return RC_OK;
}

static int corrupt(rc_error *err, const char *what)
{
    return rc_fail(err, RC_CORRUPT, "network: %s is wrong", what);
}

/* Takes one string off the front. */
static int get_str(rc_str *rest, rc_str *out, rc_error *err)
{
    if (rest->len < 5)
        return corrupt(err, "length");
    size_t len = load(rest->ptr, 4);
    if (len > rest->len - 5 || rest->ptr[4 + len] != '\0')
        return corrupt(err, "length");
    *out = (rc_str){rest->ptr + 4, len};
    *rest = rc_str_n(rest->ptr + len + 5, rest->len - len - 5);
    return RC_OK;
}

static int check_header(rc_str r, rc_error *err)
{
    if (r.len < RC_NETWORK_HEADER)
        return corrupt(err, "header");
    if (load(r.ptr + AT_VERSION, 2) != RC_NETWORK_VERSION)
        return rc_fail(err, RC_VERSION, "network: format version %u, not %d",
                       (unsigned)load(r.ptr + AT_VERSION, 2), RC_NETWORK_VERSION);
    if (load(r.ptr + AT_HEADER_SIZE, 2) != RC_NETWORK_HEADER)
        return corrupt(err, "header_size");
    if (r.len > RC_NETWORK_MAX || load(r.ptr + AT_TOTAL_SIZE, 4) != r.len)
        return corrupt(err, "total_size");
    if (load(r.ptr + AT_FLAGS, 4) & ~(uint64_t)FLAGS_ALL)
        return corrupt(err, "flags");
    if (load(r.ptr + AT_RESERVED, 8))
        return corrupt(err, "reserved");
    return RC_OK;
}

static int get_labels(rc_str *rest, uint32_t n, rc_arena *arena, rc_label **out, rc_error *err)
{
    if (n > rest->len / 10) /* what two empty strings take */
        return corrupt(err, "labels");
    rc_label *labels = n ? rc_arena_calloc(arena, n, sizeof(*labels)) : NULL;
    if (n && !labels)
        return rc_fail(err, RC_NOMEM, "no memory for a network's labels");
    int code = RC_OK;
    for (uint32_t i = 0; !code && i < n; i++) {
        code = get_str(rest, &labels[i].key, err);
        if (!code)
            code = get_str(rest, &labels[i].value, err);
    }
    *out = labels;
    return code;
}

int rc_network_decode(rc_str bytes, rc_arena *arena, rc_network *out, rc_error *err)
{
    int code = check_header(bytes, err);
    if (code)
        return code;
    rc_network net;
    rc_label *labels = NULL;
    rc_str *const strings[] = {&net.id, &net.name, &net.driver, &net.scope};
    uint64_t flags = load(bytes.ptr + AT_FLAGS, 4);
    memset(&net, 0, sizeof(net));
    net.created_ns = (int64_t)load(bytes.ptr + AT_CREATED, 8);
    net.internal = flags & FLAG_INTERNAL;
    net.ingress = flags & FLAG_INGRESS;
    net.attachable = flags & FLAG_ATTACHABLE;
    net.ipv6 = flags & FLAG_IPV6;
    net.n_labels = (uint32_t)load(bytes.ptr + AT_LABELS, 4);
    rc_str rest = rc_str_n(bytes.ptr + RC_NETWORK_HEADER, bytes.len - RC_NETWORK_HEADER);
    for (size_t i = 0; !code && i < RC_ARRAY_LEN(strings); i++)
        code = get_str(&rest, strings[i], err);
    if (!code)
        code = get_labels(&rest, net.n_labels, arena, &labels, err);
    if (!code && rest.len)
        code = corrupt(err, "total_size");
    if (!code && (net.id.len == 0 || net.id.len > RC_KV_KEY_MAX))
        code = corrupt(err, "id");
    if (code)
        return code;
    net.labels = labels;
    *out = net;
    return RC_OK;
}
