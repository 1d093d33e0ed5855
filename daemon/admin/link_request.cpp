#include "daemon/admin/link_request.hpp"

#include <string_view>

#include "daemon/admin/body.hpp"

namespace syncd::daemon {

namespace {

constexpr std::size_t tags_max = 32;
constexpr std::size_t tag_bytes_max = 128;

bool read_id_member(core::Reader& reader, std::string_view& id) {
  if (!reader.text(id)) return false;
  return core::is_valid_id(id) || reader.fail("must have 1 to 256 bytes and no control characters");
}

Member read_member(core::Reader& reader, std::string_view name, engine::NewLink& link) {
  std::string_view value;
  if (name == "link_id") {
    if (!reader.at("link_id", read_id_member(reader, value))) return Member::refused;
    link.link_id = core::LinkId{std::string(value)};
    return Member::read;
  }
  if (name == "customer_user_id") {
    if (!reader.at("customer_user_id", read_id_member(reader, value))) return Member::refused;
    link.customer_user_id = value;
    return Member::read;
  }
  if (name == "tags") return read_as(reader.at("tags", read_tags(reader, link.tags)));
  return Member::unknown;
}

}  // namespace

bool read_tags(core::Reader& reader, std::vector<std::string>& tags) {
  core::Reader::Array array;
  if (!reader.enter(array)) return false;
  while (reader.next(array)) {
    std::string_view tag;
    if (!reader.at(array, reader.text(tag))) return false;
    if (tag.empty() || tag.size() > tag_bytes_max) return reader.fail("must have 1 to 128 bytes each");
    if (tags.size() == tags_max) return reader.fail("are more than 32");
    tags.emplace_back(tag);
  }
  return reader.ok();
}

std::expected<engine::NewLink, std::string> parse_new_link(std::string body) {
  engine::NewLink link;
  const auto read = [&link](core::Reader& reader, std::string_view name) {
    return read_member(reader, name, link);
  };
  auto done = read_body(std::move(body), "link_id, customer_user_id and tags", read);
  if (!done) return std::unexpected(done.error());
  if (link.link_id.empty()) return std::unexpected("the body: link_id is missing");
  return link;
}

}  // namespace syncd::daemon
