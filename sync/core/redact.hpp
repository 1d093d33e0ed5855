#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace syncd::core {

// Of one refused answer.
inline constexpr std::size_t redacted_bytes_max = 16 * 1024;

// The structure of a JSON body without anything that it says, as evidence for people: brackets, commas and
// the member names of the contract stay; a text becomes its length in bytes, `"(12)"`; every digit becomes 0;
// true and false become `bool`; a name that is not in the contract becomes `"*"`; null stays. Works on any
// bytes: what is no JSON becomes `?`, and a text that does not end has no closing quote. At most `bytes_max`
// bytes and a mark that says how many bytes of the body were not looked at.
//
// The result depends on nothing but the places of JSON's own characters, the names of the contract, and the
// lengths of texts.
std::string redacted(std::string_view body, std::size_t bytes_max = redacted_bytes_max);

}  // namespace syncd::core
