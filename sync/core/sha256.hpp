#pragma once

#include <memory>
#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::core {

// SHA-256 over bytes that come in pieces; sha256_of() is for those that are all there.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void add(std::string_view bytes);
  // Of everything added since the construction or the last finish(); begins anew.
  Hash finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncd::core
