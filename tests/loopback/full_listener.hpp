#pragma once

#include <cstdint>
#include <vector>

namespace syncd::test {

// A listening port of 127.0.0.1 whose queue is full: a further client's connect gets no answer at all, like a
// black hole on the route.
class FullListener {
 public:
  FullListener();
  ~FullListener();
  FullListener(const FullListener&) = delete;
  FullListener& operator=(const FullListener&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  std::vector<int> sockets_;
  std::uint16_t port_ = 0;
};

}  // namespace syncd::test
