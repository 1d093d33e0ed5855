#pragma once

#include <string>

#include "daemon/admin/admin_view.hpp"
#include "daemon/admin/token_table.hpp"
#include "sync/engine/store_gateway.hpp"

namespace syncd::daemon {

// The tokens of the admin API: a small value in the store, and the copy that requests are judged by. A change
// counts once it is durable, together with its entry in the audit log.
//
// Thread: the io thread.
class TokenBook {
 public:
  // Reads the table at the start, on the calling thread. Errc::invalid: it is damaged; the table is then
  // empty, so that nobody is admitted, and the next token made takes the damaged one's place.
  core::Result<void> load(store::Store& store);

  // Valid until the next change.
  const TokenTable& table() const { return table_; }

  // As TokenTable::add and revoke; beside their errors conflict, for a request that was answered before, and
  // storage.
  api::Task<core::Result<CreatedToken>> create(engine::StoreGateway& store, NewToken wanted,
                                               engine::Requester by, core::WallTime now);
  api::Task<core::Result<Token>> revoke(engine::StoreGateway& store, std::string name, engine::Requester by,
                                        core::WallTime now);

 private:
  struct Change;
  void take(TokenTable table);

  TokenTable table_;
};

}  // namespace syncd::daemon
