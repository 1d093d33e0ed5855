#pragma once

#include <string>
#include <string_view>

namespace syncd::api {

// Header fields as they go out, `Name: value` line by line, made once and shared by many requests. They may
// hold credentials: never copied, never printed, wiped when it goes.
class HeaderBlock {
 public:
  HeaderBlock() = default;
  HeaderBlock(const HeaderBlock&) = delete;
  HeaderBlock& operator=(const HeaderBlock&) = delete;
  ~HeaderBlock();

  // `name` is a literal. A value with control characters makes the whole block unusable: a line break would
  // let data become structure.
  void add(std::string_view name, std::string_view value);
  bool well_formed() const { return well_formed_; }
  // Only for the bytes that go to the peer.
  std::string_view reveal() const { return text_; }

 private:
  std::string text_;
  bool well_formed_ = true;
};

// No control characters.
bool is_header_text(std::string_view text);

}  // namespace syncd::api
