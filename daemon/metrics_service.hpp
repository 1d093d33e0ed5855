#pragma once

#include <functional>
#include <string>

#include "daemon/admin/http.hpp"

namespace syncd::daemon {

// What the metrics listener answers: GET /metrics, /-/healthy and /-/ready. Nothing about a single link.
class MetricsService final : public HttpService {
 public:
  // `scrape` gathers and formats; it may wait for the store.
  MetricsService(std::function<api::Task<std::string>()> scrape, std::function<bool()> healthy,
                 std::function<bool()> ready)
      : scrape_(std::move(scrape)), healthy_(std::move(healthy)), ready_(std::move(ready)) {}
  api::Task<HttpResponse> handle(HttpRequest request) override;

 private:
  std::function<api::Task<std::string>()> scrape_;
  std::function<bool()> healthy_;
  std::function<bool()> ready_;
};

}  // namespace syncd::daemon
