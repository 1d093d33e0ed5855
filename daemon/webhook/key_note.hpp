#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/key_set.hpp"
#include "sync/core/types.hpp"

namespace syncd::daemon {

// The store's note about the key set in use, so that a start does not have to wait for upstream.
inline constexpr std::string_view key_note = "webhook-keys";

struct KeptKeys {
  std::string upstream;  // its base URL: another one has other keys
  core::WallTime fetched_at{};
  std::vector<core::PublicKey> keys;
  bool operator==(const KeptKeys&) const = default;
};

std::string encode_kept_keys(const KeptKeys& kept);
// nullopt: not such a note.
std::optional<KeptKeys> decode_kept_keys(std::string_view note);

}  // namespace syncd::daemon
