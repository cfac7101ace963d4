// The gateway's figures for Prometheus. docs: specs/reference of metrics is the list of families in
// metrics.cc, which `gwctl metrics` and /metrics print with their help.
#pragma once
#include <string>

#include "runtime/admin/endpoints.h"
#include "runtime/observe/metric_writer.h"

namespace gw::admin {

/// Any thread. Names of operations, upstreams, targets, classes and limits are those of the table;
/// nothing that a client has sent is a label. About 60 ns per sample.
std::string metrics_text(const AdminTarget& target,
                         const std::vector<server::WorkerReport>& workers,
                         observe::MetricFormat format);

}  // namespace gw::admin
