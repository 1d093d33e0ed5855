#include <algorithm>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/body.hpp"
#include "daemon/admin/routes.hpp"

// Refreshes on demand.
namespace syncd::daemon {

namespace {

using Products = std::vector<core::RefreshProduct>;

bool read_products(core::Reader& reader, Products& products) {
  core::Reader::Array array;
  if (!reader.enter(array)) return false;
  while (reader.next(array)) {
    std::string_view word;
    if (!reader.at(array, reader.text(word))) return false;
    const auto product = core::parse_refresh_product(word);
    if (!product) return reader.fail("must be accounts or transactions");
    if (std::ranges::find(products, *product) != products.end()) return reader.fail("name a product twice");
    products.push_back(*product);
  }
  return reader.ok();
}

// The body of POST /v1/links/{id}/refresh: `{"products"?}`.
std::expected<Products, std::string> parse_refresh(std::string body) {
  Products products;
  bool named = false;
  const auto read = [&](core::Reader& reader, std::string_view name) {
    if (name != "products") return Member::unknown;
    named = true;
    return read_as(reader.at("products", read_products(reader, products)));
  };
  auto done = read_body(std::move(body), "products", read);
  if (!done) return std::unexpected(done.error());
  if (named && products.empty())
    return std::unexpected("the body: products is empty; leave it out for the configured ones");
  return products;
}

void write_asked(JsonWriter& writer, const engine::RefreshAsked& one) {
  writer.begin_object().member("product", core::to_string(one.product)).member("asked", one.asked);
  if (!one.asked) {
    writer.member("reason", std::string_view(one.reason)).member("message", std::string_view(one.message));
    if (one.retry_at) writer.member("retry_at", std::string_view(core::format_wall_time(*one.retry_at)));
  }
  writer.end_object();
}

}  // namespace

api::Task<HttpResponse> AdminRoutes::refresh_link(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto products = parse_refresh(std::move(call.request.body));
  if (!products) co_return problem(400, "invalid_body", products.error());
  const core::LinkId link_id{call.id};
  auto answer = co_await view_.refresh(link_id, std::move(*products), requester_of(call.request));
  if (!answer && answer.error().code == core::Errc::not_found) co_return no_such_link(link_id);
  if (!answer) co_return from_error(answer.error());
  const bool asked = std::ranges::any_of(answer->products, &engine::RefreshAsked::asked);
  if (asked) view_.note_action("links.refresh", link_id, call.request.actor);
  JsonWriter writer;
  writer.begin_object().member("link_id", std::string_view(link_id.str())).key("items").begin_array();
  for (const engine::RefreshAsked& one : answer->products)
    write_asked(writer, one);
  writer.end_array().member("calls_left", std::uint64_t{answer->calls_left}).end_object();
  co_return json(asked ? 202 : 200, writer);
}

}  // namespace syncd::daemon
