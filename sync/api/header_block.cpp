#include "sync/api/header_block.hpp"

#include <algorithm>
#include <utility>

#include "sync/api/secret.hpp"

namespace syncd::api {

bool is_header_text(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

HeaderBlock::~HeaderBlock() {
  wipe(text_);
}

void HeaderBlock::add(std::string_view name, std::string_view value) {
  well_formed_ = well_formed_ && is_header_text(value);
  // Growing in place would leave credentials behind in freed memory.
  std::string longer;
  longer.reserve(text_.size() + name.size() + value.size() + 4);
  longer += text_;
  longer += name;
  longer += ": ";
  longer += value;
  longer += "\r\n";
  wipe(text_);
  text_ = std::move(longer);
}

}  // namespace syncd::api
