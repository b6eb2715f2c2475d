/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status: how the bridge is doing, for people, programs and Kubernetes.
 *
 * A line a second on a terminal, or a line of JSON on stdout, or a log line every ten seconds; and the
 * status server with /metrics, /livez, /readyz and /status.
 */
#ifndef BRIDGE_STATUS_H
#define BRIDGE_STATUS_H

#include <stdbool.h>

#include "bridge/bridge.h"
#include "bridge/streams.h"

struct status;

struct status *status_open(const struct bridge_options *options, struct metrics *metrics,
                           struct clock *clock, struct error *err);
void status_close(struct status *status);

/* The turn came round. Once a second it says how things are. */
void status_tell(struct status *status, const struct streams *streams);

#endif
