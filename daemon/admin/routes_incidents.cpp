#include <algorithm>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/routes.hpp"
#include "daemon/admin/shapes.hpp"

// Links that fail together.
namespace syncd::daemon {

// In the order of their ids, which is about that of their age.
api::Task<HttpResponse> AdminRoutes::list_incidents(Call call) {
  QueryReader query(call.target);
  const auto limit = query.number("limit", limit_default, 1, limit_max);
  const std::string after = query.text("after", after_bytes_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  std::vector<engine::Incident> incidents = view_.incidents();
  std::erase_if(incidents, [&](const engine::Incident& incident) { return incident.what.id <= after; });
  std::ranges::sort(incidents, {}, [](const engine::Incident& incident) { return incident.what.id; });
  store::Listing<engine::Incident> listing;
  if (incidents.size() > limit) listing.next = incidents[limit - 1].what.id;
  incidents.resize(std::min<std::size_t>(incidents.size(), limit));
  listing.items = std::move(incidents);
  co_return list_of(listing, write_incident);
}

}  // namespace syncd::daemon
