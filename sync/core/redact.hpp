#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "sync/core/result.hpp"

namespace syncd::core {

// Of one refused answer.
inline constexpr std::size_t redacted_bytes_max = 16 * 1024;

// The structure of a JSON body without anything that it says, as evidence for people: brackets, commas and
// the member names of the contract stay, a name that is not in it becomes `"*"`, and of a value only its kind
// is left, by which the contract takes or refuses it:
//
//   num                          a number, whatever its value, size and sign
//   bool                         true or false
//   null                         stays: with one value it says no more than that it is there
//   "num"                        a text that is a number: amounts are sent as such
//   "text"  ""  "long text"      any other text; an empty one; one of more bytes than an id may have (256)
//   ?                            what JSON does not know, a number that is none included
//   "...                         a text that does not end
//
// No length is kept: that of an amount is its magnitude, that of a name points at a person.
// Null is told from a value although that says whether, for example, an account has a limit: a null in the
// place of a list or an object is the most common breach of the contract, and would be the one that nobody
// can see. It says no more than a member that is missing, which structure shows as well.
//
// Works on any bytes. At most `bytes_max` bytes, and ` ...` where not all of the body has room.
std::string redacted(std::string_view body, std::size_t bytes_max = redacted_bytes_max);

// What is kept of an answer that is refused: its size, its digest and its structure.
Error with_evidence(Error error, std::string_view body);

}  // namespace syncd::core
