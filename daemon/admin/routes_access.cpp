#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/routes.hpp"
#include "daemon/admin/shapes.hpp"
#include "daemon/admin/token_request.hpp"

// Who asks, and the tokens of the TCP listener.
namespace syncd::daemon {

namespace {

// The members of a token, never its hash.
void write_token_members(JsonWriter& writer, const Token& token, core::WallTime now) {
  writer.member("name", std::string_view(token.name));
  writer.member("role", to_string(token.role));
  writer.member("state", to_string(state_of(token, now)));
  write_time(writer, "created_at", token.created_at);
  writer.member("created_by", std::string_view(token.created_by));
  write_time(writer, "expires_at", token.expires_at);
  write_optional_time(writer, "revoked_at", token.revoked_at);
}

}  // namespace

api::Task<HttpResponse> AdminRoutes::show_caller(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  JsonWriter writer;
  writer.begin_object().member("actor", std::string_view(call.caller.actor));
  writer.member("role", to_string(call.caller.role));
  if (call.caller.expires_at) write_time(writer, "expires_at", *call.caller.expires_at);
  writer.end_object();
  co_return json(200, writer);
}

api::Task<HttpResponse> AdminRoutes::list_tokens(Call call) {
  QueryReader query(call.target);
  const auto limit = query.number("limit", limit_default, 1, limit_max);
  const std::string after = query.text("after", token_name_bytes_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const std::vector<Token>& all = view_.tokens().tokens();
  const auto first = std::ranges::upper_bound(all, after, std::ranges::less{}, &Token::name);
  const auto name_of = [](const Token& token) { return token.name; };
  const auto page = page_from(first, all.end(), limit, name_of);
  co_return list_of(page, [now = view_.wall_now()](JsonWriter& writer, const Token& token) {
    writer.begin_object();
    write_token_members(writer, token, now);
    writer.end_object();
  });
}

api::Task<HttpResponse> AdminRoutes::create_token(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  engine::Requester by = requester_of(call.request);
  auto wanted = parse_new_token(std::move(call.request.body));
  if (!wanted) co_return problem(400, "invalid_body", wanted.error());
  auto created = co_await view_.create_token(std::move(*wanted), std::move(by));
  if (!created) co_return from_error(created.error());
  JsonWriter writer;
  writer.begin_object();
  write_token_members(writer, created->token, view_.wall_now());
  writer.member("token", created->text.reveal()).end_object();
  co_return json(201, writer);
}

api::Task<HttpResponse> AdminRoutes::revoke_token(Call call) {
  QueryReader query(call.target);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  engine::Requester by = requester_of(call.request);
  auto token = co_await view_.revoke_token(std::move(call.id), std::move(by));
  if (!token && token.error().code == core::Errc::not_found)
    co_return problem(404, "token_not_found", token.error().message);
  if (!token) co_return from_error(token.error());
  JsonWriter writer;
  writer.begin_object();
  write_token_members(writer, *token, view_.wall_now());
  writer.end_object();
  co_return json(200, writer);
}

}  // namespace syncd::daemon
