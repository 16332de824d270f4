/* What lists and inspect have in common. */
#include "encode_parts.h"

#include <stdio.h>

#include "base/hash.h"

const char *sim_api_text(int api, char out[8])
{
    (void)snprintf(out, 8, "%d.%d", api / 100 % 100, api % 100);
    return out;
}

void sim_encode_str(rc_json *j, const char *key, rc_str value)
{
    rc_json_key(j, rc_str_c(key));
    rc_json_str(j, value);
}

void sim_encode_id(rc_json *j, const char *key, const rc_id *id)
{
    char text[RC_ID_LEN + 1];
    rc_id_format(id, text);
    sim_encode_str(j, key, rc_str_n(text, RC_ID_LEN));
}

void sim_encode_slash_name(rc_json *j, const char *name)
{
    char text[512];
    (void)snprintf(text, sizeof(text), "/%s", name);
    rc_json_str(j, rc_str_c(text));
}

void sim_encode_labels(rc_json *j, const sim_spec *spec)
{
    rc_json_object(j);
    for (uint32_t i = 0; i < spec->n_labels; i++) {
        if (i > 0)
            rc_buf_putc(j->out, ',');
        rc_buf_str(j->out, spec->labels[i].json);
    }
    rc_json_object_end(j);
}

void sim_encode_mount(rc_json *j, const rc_mount *m)
{
    bool volume = rc_str_eq(m->type, RC_STR("volume"));
    rc_json_object(j);
    sim_encode_str(j, "Type", m->type);
    if (volume)
        sim_encode_str(j, "Name", m->name);
    sim_encode_str(j, "Source", m->source);
    sim_encode_str(j, "Destination", m->destination);
    if (volume)
        sim_encode_str(j, "Driver", RC_STR("local"));
    sim_encode_str(j, "Mode", volume ? RC_STR("z") : RC_STR_EMPTY);
    RC_JSON_KEY(j, "RW");
    rc_json_bool(j, !m->read_only);
    sim_encode_str(j, "Propagation",
                   rc_str_eq(m->type, RC_STR("bind")) ? RC_STR("rprivate") : RC_STR_EMPTY);
    rc_json_object_end(j);
}

void sim_endpoint_address(const sim_endpoint *e, char ip[16], char mac[18])
{
    unsigned hi = e->host >> 8 & 0xff, lo = e->host & 0xff, net = e->network->subnet & 0xff;
    ip[0] = mac[0] = '\0';
    if (e->host == 0)
        return;
    (void)snprintf(ip, 16, "172.%u.%u.%u", net, hi, lo);
    (void)snprintf(mac, 18, "02:42:ac:%02x:%02x:%02x", net, hi, lo);
}

/* The endpoint's ID follows from who is connected with whom since when. */
static void endpoint_id(rc_json *j, const sim_container *c, const sim_endpoint *e, bool up)
{
    rc_id id;
    if (!up) {
        sim_encode_str(j, "EndpointID", RC_STR_EMPTY);
        return;
    }
    for (size_t i = 0; i < sizeof(id.b); i += sizeof(uint64_t)) {
        uint64_t word = rc_siphash(i, (uint64_t)c->started_ns, c->id.b, sizeof(c->id.b)) ^
                        rc_siphash(i, 0, e->network->id.b, sizeof(e->network->id.b));
        memcpy(id.b + i, &word, sizeof(word));
    }
    sim_encode_id(j, "EndpointID", &id);
}

static void aliases(rc_json *j, const sim_container *c, const sim_endpoint *e, bool shown)
{
    char id[RC_ID_LEN + 1];
    RC_JSON_KEY(j, "Aliases");
    if (!shown || e->network->subnet == 0) {
        rc_json_null(j);
        return;
    }
    rc_id_format(&c->id, id);
    rc_json_array(j);
    rc_json_str(j, rc_str_n(id, 12));
    rc_json_array_end(j);
}

static void endpoint(rc_json *j, const sim_container *c, const sim_endpoint *e, int api, bool full)
{
    char ip[16], mac[18];
    bool up = rc_state_holds_ports(c->state) && c->state != RC_STATE_RESTARTING;
    bool addressed = up && e->host != 0;
    sim_endpoint_address(e, ip, mac);
    rc_json_object(j);
    rc_json_raw(j, RC_STR("\"IPAMConfig\":null,\"Links\":null"));
    aliases(j, c, e, full);
    /* A container that has never run knows only the name of its network. */
    if (c->started_ns || up)
        sim_encode_id(j, "NetworkID", &e->network->id);
    else
        sim_encode_str(j, "NetworkID", RC_STR_EMPTY);
    endpoint_id(j, c, e, up);
    RC_JSON_KEY(j, "Gateway");
    if (addressed) {
        char gateway[16];
        (void)snprintf(gateway, sizeof(gateway), "172.%u.0.1", e->network->subnet & 0xff);
        rc_json_str(j, rc_str_c(gateway));
    } else {
        rc_json_str(j, RC_STR_EMPTY);
    }
    sim_encode_str(j, "IPAddress", addressed ? rc_str_c(ip) : RC_STR_EMPTY);
    RC_JSON_KEY(j, "IPPrefixLen");
    rc_json_u64(j, addressed ? 16 : 0);
    rc_json_key(j, RC_STR("IPv6Gateway"));
    rc_json_raw(j, RC_STR("\"\",\"GlobalIPv6Address\":\"\",\"GlobalIPv6PrefixLen\":0"));
    sim_encode_str(j, "MacAddress", addressed ? rc_str_c(mac) : RC_STR_EMPTY);
    RC_JSON_KEY(j, "DriverOpts");
    rc_json_null(j);
    if (api >= 148) {
        RC_JSON_KEY(j, "GwPriority");
        rc_json_u64(j, 0);
    }
    if (api >= 144) {
        RC_JSON_KEY(j, "DNSNames");
        rc_json_null(j);
    }
    rc_json_object_end(j);
}

void sim_encode_endpoints(rc_json *j, const sim_container *c, int api, bool full)
{
    rc_json_object(j);
    for (unsigned i = 0; i < c->n_endpoints; i++) {
        rc_json_key(j, rc_str_c(c->endpoints[i].network->name));
        endpoint(j, c, &c->endpoints[i], api, full);
    }
    rc_json_object_end(j);
}

const char *sim_engine_state(const sim *s, const sim_container *c)
{
    if (c->state == RC_STATE_REMOVING && s->profile->removing_is_dead)
        return "dead";
    return rc_state_name(c->state);
}
