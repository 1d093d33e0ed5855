#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/crypto.h>

#include "sync/core/result.hpp"

namespace syncd::api {

// Overwrites the characters of a string that held a secret, spare capacity included, and empties it.
inline void wipe(std::string& text) {
  if (text.capacity() != 0) OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

// A credential. It is moved, never copied; no stream or formatter prints it; its memory is wiped when it
// goes. Only the code that builds a header or a form calls reveal().
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  // Moving a short string copies its characters: the source is wiped, not just forgotten.
  Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.wipe_now(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this == &other) return *this;
    wipe_now();
    text_ = std::move(other.text_);
    other.wipe_now();
    return *this;
  }
  ~Secret() { wipe_now(); }

  // Valid as long as this object; do not copy it further than the bytes that go to the peer.
  std::string_view reveal() const { return text_; }
  bool empty() const { return text_.empty(); }

  // Time depends on the lengths only.
  bool equals(std::string_view other) const {
    return text_.size() == other.size() && CRYPTO_memcmp(text_.data(), other.data(), other.size()) == 0;
  }

 private:
  void wipe_now() noexcept {
    // A moved-from string may keep its characters in the small-string buffer behind size() == 0.
    text_.resize(text_.capacity());
    OPENSSL_cleanse(text_.data(), text_.size());
    text_.clear();
  }

  std::string text_;
};

inline constexpr std::size_t secret_bytes_max = 4096;

// Reads a regular file that only its owner may access (mode 0400 or 0600), or that lies directly in the
// directory of credentials that systemd made for this process and protects itself (`credentials_directory`;
// empty: there is none). Symbolic links are followed, the file they lead to must satisfy the rule. 1 to
// `bytes_max` bytes of whatever. Errc::invalid names the path, the cause and what to do.
core::Result<Secret> load_private_file(const std::filesystem::path& path,
                                       const std::filesystem::path& credentials_directory,
                                       std::size_t bytes_max);

// A credential from such a file. One trailing newline is dropped; the rest must be 1 to 4096 bytes of
// printable ASCII, because it becomes a header value.
core::Result<Secret> load_secret_file(const std::filesystem::path& path,
                                      const std::filesystem::path& credentials_directory = {});

}  // namespace syncd::api
