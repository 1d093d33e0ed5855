#include "daemon/admin/relink_request.hpp"

#include <string_view>

#include "daemon/admin/body.hpp"

namespace syncd::daemon {

namespace {

using Kind = core::RelinkRequest::Kind;

std::string_view members_of(Kind kind) {
  switch (kind) {
    case Kind::claim:
      return "version, assignee and take_over";
    case Kind::release:
      return "version and take_over";
    case Kind::note:
    case Kind::dismiss:
      return "version and text";
    default:
      return "version";
  }
}

Member read_member(Kind kind, core::Reader& reader, std::string_view name, core::RelinkRequest& request) {
  const bool takes_text = kind == Kind::note || kind == Kind::dismiss;
  if (name == "version") return read_as(reader.at("version", read_version(reader, request.version)));
  if (name == "text" && takes_text)
    return read_as(reader.at("text", read_text(reader, request.text, core::relink_text_bytes_max)));
  if (name == "assignee" && kind == Kind::claim) {
    return read_as(
        reader.at("assignee", read_text(reader, request.assignee, core::relink_assignee_bytes_max)));
  }
  if (name == "take_over" && (kind == Kind::claim || kind == Kind::release))
    return read_as(reader.at("take_over", reader.boolean(request.take_over)));
  return Member::unknown;
}

}  // namespace

std::expected<core::RelinkRequest, std::string> parse_relink_request(Kind kind, std::string body) {
  core::RelinkRequest request;
  request.kind = kind;
  const auto read = [&](core::Reader& reader, std::string_view name) {
    return read_member(kind, reader, name, request);
  };
  auto done = read_body(std::move(body), members_of(kind), read);
  if (!done) return std::unexpected(done.error());
  if (kind != Kind::note && !request.version) {
    return std::unexpected(
        "the body: version is missing: send the version of the entry that you saw, so that nobody's act is "
        "overwritten");
  }
  return request;
}

}  // namespace syncd::daemon
