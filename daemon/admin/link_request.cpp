#include "daemon/admin/link_request.hpp"

#include <algorithm>
#include <string_view>

#include "daemon/admin/body.hpp"

namespace syncd::daemon {

namespace {

constexpr std::size_t tags_max = 32;

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

bool read_item(core::Reader& reader, engine::NewLink& link) {
  core::Reader::Object object;
  if (!reader.enter(object)) return false;
  std::string_view name;
  while (reader.next(object, name)) {
    const Member member = read_member(reader, name, link);
    if (member == Member::unknown)
      return reader.fail("has a member that is not known here; known are link_id, customer_user_id and tags");
    if (member == Member::refused) return false;
  }
  if (!reader.ok()) return false;
  return !link.link_id.empty() || reader.fail_member("link_id", "is missing");
}

bool read_items(core::Reader& reader, std::vector<engine::NewLink>& links) {
  core::Reader::Array array;
  if (!reader.enter(array)) return false;
  while (reader.next(array)) {
    if (links.size() == engine::import_links_max) return reader.fail("are more than 1000");
    if (!reader.at(array, read_item(reader, links.emplace_back()))) return false;
  }
  return reader.ok();
}

}  // namespace

bool read_tags(core::Reader& reader, std::vector<std::string>& tags) {
  core::Reader::Array array;
  if (!reader.enter(array)) return false;
  while (reader.next(array)) {
    std::string_view tag;
    if (!reader.at(array, reader.text(tag))) return false;
    if (!core::is_valid_tag(tag))
      return reader.fail("must have 1 to 128 bytes each and no control characters");
    if (tags.size() == tags_max) return reader.fail("are more than 32");
    tags.emplace_back(tag);
  }
  return reader.ok();
}

std::optional<std::string> fault_of(const engine::NewLink& link) {
  if (link.link_id.empty()) return "link_id is missing";
  if (!core::is_valid_id(link.link_id.str()))
    return "link_id must have 1 to 256 bytes of UTF-8 and no control characters";
  if (!link.customer_user_id.empty() && !core::is_valid_id(link.customer_user_id))
    return "customer_user_id must have 1 to 256 bytes of UTF-8 and no control characters";
  if (link.tags.size() > tags_max) return "tags are more than 32";
  const bool good_tags = std::ranges::all_of(link.tags, &core::is_valid_tag);
  if (!good_tags) return "tags must have 1 to 128 bytes of UTF-8 each and no control characters";
  return std::nullopt;
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

std::expected<std::vector<engine::NewLink>, std::string> parse_import(std::string body) {
  std::vector<engine::NewLink> links;
  bool given = false;
  const auto read = [&](core::Reader& reader, std::string_view name) {
    if (name != "items") return Member::unknown;
    given = true;
    return read_as(reader.at("items", read_items(reader, links)));
  };
  auto done = read_body(std::move(body), "items", read);
  if (!done) return std::unexpected(done.error());
  if (!given) return std::unexpected("the body: items is missing");
  return links;
}

}  // namespace syncd::daemon
