// What a receiver does with a hook's signature, written apart from the code that signs.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace syncd::sandbox::test {

struct CheckedHook {
  std::string kid;
  std::int64_t issued_at = 0;
  std::string header;  ///< the JSON texts
  std::string payload;
};
/// Checks a compact JWS over the body against a key set's answer; the error says which step refused it.
std::expected<CheckedHook, std::string> check_hook(std::string_view key_set, std::string_view signature,
                                                   std::string_view body);

}  // namespace syncd::sandbox::test
