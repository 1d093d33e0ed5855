#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/secrecy.hpp"

namespace syncd::test::e2e {

/// Every way to write `text` in which it might turn up: as it is, in JSON, in a URL, in a form, in
/// hexadecimal digits, and in base64 wherever in the encoded bytes it begins.
std::vector<std::string> forms_of(std::string_view text);

/// As leaks(), for every form of each confidence. Of one confidence in one text the first form found.
std::vector<std::string> leaks_in_any_form(const std::map<std::string, std::string>& texts,
                                           const Confidences& confidences);

/// The contents of the store's files, by name: what the database holds, not what it tells.
std::map<std::string, std::string> store_files(const Daemon& daemon);

}  // namespace syncd::test::e2e
