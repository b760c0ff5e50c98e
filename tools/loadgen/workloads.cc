#include "tools/loadgen/workloads.h"

#include <map>

#include "glog/logging.h"

namespace chatter::loadgen {

Workload FindWorkload(const std::string& name) {
  static const auto& workloads = *new std::map<std::string, Workload>{
      {"dm", RunDm},         {"rate", RunRate},     {"idle", RunIdle},
      {"storm", RunStorm},   {"fanout", RunFanout}, {"history", RunHistory},
      {"rest", RunRest},     {"churn", RunChurn},   {"presence", RunPresence},
      {"notify", RunNotify},
  };
  const auto found = workloads.find(name);
  CHECK(found != workloads.end()) << "no workload " << name;
  return found->second;
}

}  // namespace chatter::loadgen
