#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "sync/core/reader.hpp"
#include "sync/engine/engine.hpp"

namespace syncd::daemon {

// Reads the body of POST /v1/links: `{"link_id", "customer_user_id"?, "tags"?}`, nothing else, no member
// twice. The error names the member and the reason.
std::expected<engine::NewLink, std::string> parse_new_link(std::string body);

// Reads the body of POST /v1/links:import: `{"items": [...]}`, at most import_links_max of the same objects.
// The error names the item, too: `items[3].link_id`.
std::expected<std::vector<engine::NewLink>, std::string> parse_import(std::string body);

// What is wrong with a link that did not come as JSON, by the rules of the above; nullopt: nothing.
std::optional<std::string> fault_of(const engine::NewLink& link);

// The tags that a link is registered with: at most 32, of 1 to 128 bytes each.
bool read_tags(core::Reader& reader, std::vector<std::string>& tags);

}  // namespace syncd::daemon
