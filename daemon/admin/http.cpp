#include "daemon/admin/http.hpp"

#include <algorithm>

#include "daemon/json_writer.hpp"

namespace syncd::daemon {

bool may_use(const Peer& peer, uid_t own_user, gid_t socket_group) {
  if (peer.uid == 0 || peer.uid == own_user || peer.gid == socket_group) return true;
  return std::ranges::find(peer.groups, socket_group) != peer.groups.end();
}

HttpResponse try_later(int status, std::string_view code, std::string_view detail, core::Millis wait) {
  HttpResponse response = problem(status, code, detail);
  const std::int64_t seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  response.headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(seconds, 1)));
  return response;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

HttpResponse problem(int status, std::string_view code, std::string_view detail) {
  return problem(status, code, detail, {}, {});
}

HttpResponse problem(int status, std::string_view code, std::string_view detail, std::string_view extra,
                     std::string_view json) {
  JsonWriter writer;
  writer.begin_object();
  writer.member("type", std::string_view("urn:moneykit-syncd:problem:" + std::string(code)));
  writer.member("title", reason_phrase(status));
  writer.member("status", status);
  writer.member("code", code);
  writer.member("detail", detail);
  if (!extra.empty()) writer.key(extra).raw(json);
  writer.end_object();
  return {.status = status, .content_type = "application/problem+json", .body = writer.take(), .allow = {}};
}

}  // namespace syncd::daemon
