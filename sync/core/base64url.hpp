#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace syncd::core {

// RFC 4648 section 5 without padding, as JOSE uses it. Strict: nothing but the alphabet, no length that no
// bytes have, no bits set behind the last byte, so that a text stands for bytes that no other text stands
// for.
// nullopt: not such a text.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace syncd::core
