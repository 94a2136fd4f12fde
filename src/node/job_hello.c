/* SPDX-License-Identifier: MIT
 *
 * HELLO and HELLO_SIGN: who is there, and that we are. docs/protocol.md "LCP/1.2".
 * Whether one is fresh the machine says.
 */
#include "base/text.h"
#include "core/hello.h"
#include "node/job.h"

/* A peer with a key was compared with it by the machine, and is again when this ends:
 * so only a first contact looks into the record. */
enum lcp_err
lcp_job_hello(struct lcp_batch *batch, struct lcp_job *job)
{
    struct lcp_hello hello;
    bool is_right = true;
    enum lcp_err err = LCP_OK;

    job->has_pinned = false;
    job->admission = LCP_ADM_BADSIG;
    if (lcp_hello_parse(lcp_span(job->raw, job->raw_len), batch->scratch, &hello) !=
            LCP_MSG_OK ||
        !lcp_signed_verify(&hello.object, batch->scratch))
        return LCP_OK;
    if (job->is_first_contact)
        err = lcp_job_check_pin(batch, job, &hello.object.key, &is_right);
    job->admission = is_right ? LCP_ADM_STORED : LCP_ADM_REFUSED;
    return err;
}

enum lcp_err
lcp_job_hello_sign(struct lcp_batch *batch, struct lcp_job *job)
{
    char timestamp[40];
    size_t len = 0;
    struct lcp_hello_draft draft = {
        .from = batch->name,
        .to = job->peer_name,
        .timestamp = timestamp,
        .boot = batch->boot,
        .has_echo = job->has_echo,
        .max = LCP_PAYLOAD_MAX,
        .last_read_wall_ms = batch->last_read_wall_ms,
    };

    memcpy(draft.nonce, job->nonce, sizeof(draft.nonce));
    memcpy(draft.echo, job->echo, sizeof(draft.echo));
    lcp_iso8601_print(job->wall_ms, timestamp);
    job->err = lcp_hello_build(&draft, batch->identity, batch->scratch, batch->text,
                               &len);
    return job->err == LCP_OK ? lcp_job_take_text(batch, job, len) : LCP_OK;
}
