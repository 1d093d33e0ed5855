#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace syncd::fuzz {

// Decisions read off the front of an input; zero and empty when it is used up. Cheap to mutate: one byte is
// one decision, so a change of it changes little else.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : rest_(bytes) {}

  bool left() const { return !rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return first;
  }
  // 0 to end - 1; end <= 256.
  std::uint32_t below(std::uint32_t end) { return byte() % end; }
  bool once_in(std::uint32_t n) { return byte() % n == n - 1; }
  bool flag() { return (byte() & 1) != 0; }
  // Any number; its first byte says how many more belong to it, so that small and huge ones are equally near.
  std::uint64_t number() {
    std::uint64_t value = 0;
    const std::uint8_t shape = byte();
    for (int i = shape % 9; i > 0; --i)
      value = value << 8 | byte();
    return shape >= 128 ? ~value : value;
  }
  // 0 to max bytes.
  std::string_view text(std::size_t max) {
    const std::size_t bytes = std::min(std::min<std::size_t>(byte(), max), rest_.size());
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace syncd::fuzz
