#include <openapi_data.hpp>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/page.hpp"
#include "daemon/admin/routes.hpp"

// The description of this API, which is a part of the program.
namespace syncd::daemon {

api::Task<HttpResponse> AdminRoutes::show_openapi(Call call) {
  static_assert(openapi_data::files.size() == 1);
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const PageFile& file = openapi_data::files.front().file;
  co_return HttpResponse{.status = 200,
                         .content_type = std::string(file.content_type),
                         .body = std::string(file.content),
                         .allow = {}};
}

}  // namespace syncd::daemon
