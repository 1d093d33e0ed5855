#include "daemon/metrics_service.hpp"

#include "daemon/admin/routes.hpp"
#include "metrics/exposition.hpp"

namespace syncd::daemon {

api::Task<HttpResponse> MetricsService::handle(HttpRequest request) {
  if (auto probe = answer_probe(request, healthy_(), ready_())) co_return std::move(*probe);
  const std::string path = request.target.substr(0, request.target.find('?'));
  if (path != "/metrics") {
    co_return problem(404, "no_such_path", "this listener has /metrics, /-/healthy and /-/ready");
  }
  if (request.method != "GET") {
    HttpResponse refused = problem(405, "method_not_allowed", "this path answers GET and HEAD");
    refused.allow = "GET, HEAD";
    co_return refused;
  }
  HttpResponse response;
  response.content_type = metrics::exposition_content_type;
  response.body = co_await scrape_();
  co_return response;
}

}  // namespace syncd::daemon
