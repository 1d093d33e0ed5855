#include "sync/core/update.hpp"

namespace syncd::core {

std::string_view to_string(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::link_added:
      return "link.added";
    case ChangeKind::link_status:
      return "link.status";
    case ChangeKind::account_created:
      return "account.created";
    case ChangeKind::account_updated:
      return "account.updated";
    case ChangeKind::account_gone:
      return "account.gone";
    case ChangeKind::account_returned:
      return "account.returned";
    case ChangeKind::transaction_created:
      return "transaction.created";
    case ChangeKind::transaction_updated:
      return "transaction.updated";
    case ChangeKind::transaction_removed:
      return "transaction.removed";
    case ChangeKind::relink_opened:
      return "relink.opened";
    case ChangeKind::relink_resolved:
      return "relink.resolved";
    case ChangeKind::link_purged:
      return "link.purged";
  }
  return "unknown";  // a number from a newer version's disk
}

}  // namespace syncd::core
