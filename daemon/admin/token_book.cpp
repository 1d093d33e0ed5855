#include "daemon/admin/token_book.hpp"

#include <array>
#include <cerrno>
#include <sys/random.h>
#include <system_error>
#include <utility>

#include <openssl/crypto.h>

#include "daemon/admin/repeated_request.hpp"
#include "daemon/json_writer.hpp"
#include "sync/core/conflict_codes.hpp"

namespace syncd::daemon {

namespace {

constexpr std::string_view note_name = "admin-tokens";

core::Result<api::Secret> random_token() {
  std::array<std::uint8_t, token_random_bytes> random{};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return core::fail(core::Errc::storage, "the system gives no random bytes for a token: " +
                                               std::generic_category().message(errno));
  }
  api::Secret text = token_text(random);
  OPENSSL_cleanse(random.data(), random.size());
  return text;
}

// The stored table; an empty one for none, and for one that is damaged: of those tokens nobody is admitted.
core::Result<TokenTable> stored_table(store::Store& store) {
  auto note = store.note(note_name);
  if (!note) return std::unexpected(note.error());
  if (!*note) return TokenTable{};
  auto table = TokenTable::decode(**note);
  return table ? std::move(*table) : TokenTable{};
}

std::string detail_of(const Token& token, bool created) {
  JsonWriter writer;
  writer.begin_object().member("name", std::string_view(token.name));
  if (created) {
    writer.member("role", to_string(token.role));
    writer.member("expires_at", std::string_view(core::format_wall_time(token.expires_at)));
  }
  writer.end_object();
  return writer.take();
}

// The act's key is known: of the same request, or of another.
core::Error why_not_again(store::Store& store, const core::AuditNote& act) {
  if (auto other = refuse_other_request(store, act); !other) return other.error();
  return {.code = core::Errc::conflict,
          .message =
              "this request was answered already, and a token is shown only once; send another "
              "Idempotency-Key for a new token",
          .api_code = std::string(core::token_shown_before)};
}

}  // namespace

// A table with one change, and the token it is about.
struct TokenBook::Change {
  TokenTable table;
  Token token;

  // Writes it with its act. On the store thread.
  core::Result<Change> record(store::Store& store, core::WallTime at, const core::AuditNote& act) && {
    const store::NoteChange change{.name = std::string(note_name), .value = table.encode()};
    const auto outcome = store.record_act(at, act, change);
    if (!outcome) return std::unexpected(outcome.error());
    if (*outcome == store::CommitOutcome::conflict) return std::unexpected(why_not_again(store, act));
    return std::move(*this);
  }
};

core::Result<void> TokenBook::load(store::Store& store) {
  auto note = store.note(note_name);
  if (!note) return std::unexpected(note.error());
  if (!*note) return {};
  auto table = TokenTable::decode(**note);
  if (!table) return std::unexpected(table.error());
  table_ = std::move(*table);
  return {};
}

// Two changes may end in the other order than they were made in.
void TokenBook::take(TokenTable table) {
  if (table.version() > table_.version()) table_ = std::move(table);
}

api::Task<core::Result<CreatedToken>> TokenBook::create(engine::StoreGateway& store, NewToken wanted,
                                                        engine::Requester by, core::WallTime now) {
  auto text = random_token();
  if (!text) co_return std::unexpected(text.error());
  const TokenHash hash = hash_of_token(text->reveal());
  auto work = [&](store::Store& open) -> core::Result<Change> {
    auto table = stored_table(open);
    if (!table) return std::unexpected(table.error());
    auto token = table->add(wanted, hash, by.actor, now);
    if (!token) return std::unexpected(token.error());
    const auto act = act_of(by, "tokens.create", detail_of(*token, true));
    return Change{std::move(*table), std::move(*token)}.record(open, now, act);
  };
  auto change = co_await store.run(std::move(work));
  if (!change) co_return std::unexpected(change.error());
  take(std::move(change->table));
  co_return CreatedToken{std::move(change->token), std::move(*text)};
}

api::Task<core::Result<Token>> TokenBook::revoke(engine::StoreGateway& store, std::string name,
                                                 engine::Requester by, core::WallTime now) {
  auto work = [&](store::Store& open) -> core::Result<Change> {
    auto table = stored_table(open);
    if (!table) return std::unexpected(table.error());
    const std::uint64_t before = table->version();
    auto token = table->revoke(name, now);
    if (!token) return std::unexpected(token.error());
    const auto act = act_of(by, "tokens.revoke", detail_of(*token, false));
    Change change{std::move(*table), std::move(*token)};
    if (change.table.version() == before) return change;  // it was revoked before: nothing to write
    return std::move(change).record(open, now, act);
  };
  auto change = co_await store.run(std::move(work));
  if (!change) co_return std::unexpected(change.error());
  take(std::move(change->table));
  co_return std::move(change->token);
}

}  // namespace syncd::daemon
