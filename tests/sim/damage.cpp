#include "tests/sim/damage.hpp"

#include <iterator>

namespace syncd::test {

namespace {

using core::DifferenceKind;

template <class Rows>
auto any_of(Rows& rows, Dice& dice) {
  return std::next(rows.begin(), static_cast<std::ptrdiff_t>(dice.draw(rows.size())));
}

// Another member in front: it says something that upstream has never said.
std::string altered(const std::string& json) {
  return R"({"planted":true,)" + json.substr(1);
}

void take_away(ModelStore& store, core::LinkRecord& record, Dice& dice, Damage& damage) {
  auto& rows = store.rows[damage.link_id];
  const auto row = any_of(rows, dice);
  damage.id = row->first;
  --record.counts.transactions;
  record.counts.pending -= store.pending[damage.link_id].erase(damage.id);
  rows.erase(row);
}

void add_one(ModelStore& store, core::LinkRecord& record, Dice& dice, Damage& damage) {
  auto& rows = store.rows[damage.link_id];
  core::StoredTransaction row = any_of(rows, dice)->second;
  damage.id = "txn_planted_" + std::to_string(dice.draw(1'000'000));
  row.transaction_id = damage.id;
  row.pending = false;
  row.json = altered(row.json);
  damage.json = row.json;
  ++record.counts.transactions;
  rows[damage.id] = std::move(row);
}

void alter_row(ModelStore& store, Dice& dice, Damage& damage) {
  const auto row = any_of(store.rows[damage.link_id], dice);
  damage.id = row->first;
  damage.json = row->second.json = altered(row->second.json);
}

bool alter_account(ModelStore& store, Dice& dice, Damage& damage) {
  const auto account = any_of(store.accounts[damage.link_id], dice);
  if (account->second.gone) return false;
  damage.account = true;
  damage.id = account->first;
  damage.json = account->second.json = altered(account->second.json);
  return true;
}

// What stands there in the copy; null: nothing.
const std::string* text_of(const Damage& damage, const ModelStore& store) {
  if (damage.account) {
    const auto accounts = store.accounts.find(damage.link_id);
    if (accounts == store.accounts.end()) return nullptr;
    const auto account = accounts->second.find(damage.id);
    const bool there = account != accounts->second.end() && !account->second.gone;
    return there ? &account->second.json : nullptr;
  }
  const auto rows = store.rows.find(damage.link_id);
  if (rows == store.rows.end()) return nullptr;
  const auto row = rows->second.find(damage.id);
  return row == rows->second.end() ? nullptr : &row->second.json;
}

}  // namespace

std::optional<Damage> plant_damage(ModelStore& store, const core::LinkId& link_id, Dice& dice) {
  const auto found = store.links.find(link_id);
  if (found == store.links.end()) return std::nullopt;
  core::LinkRecord& record = found->second;
  const bool at_rest = record.cursor && !record.resync && !record.repairing && !record.drain.open;
  if (record.status != core::LinkStatus::active || !at_rest) return std::nullopt;
  if (store.rows[link_id].empty() || store.accounts[link_id].empty()) return std::nullopt;
  Damage damage{.link_id = link_id, .id = {}};
  switch (dice.draw(5)) {
    case 0:
      damage.kind = DifferenceKind::missing;
      take_away(store, record, dice, damage);
      break;
    case 1:
      damage.kind = DifferenceKind::extra;
      add_one(store, record, dice, damage);
      break;
    case 2:
    case 3:
      damage.kind = DifferenceKind::changed;
      if (!alter_account(store, dice, damage)) return std::nullopt;
      break;
    default:
      damage.kind = DifferenceKind::changed;
      alter_row(store, dice, damage);
      break;
  }
  ++record.fence;
  return damage;
}

bool damage_is_left(const Damage& damage, const ModelStore& store, sandbox::Upstream& upstream,
                    sandbox::TimePoint now, bool unknown) {
  const std::string* const text = text_of(damage, store);
  if (damage.kind != DifferenceKind::missing) return text != nullptr && *text == damage.json;
  if (text != nullptr) return false;
  const core::LinkRecord& record = store.links.at(damage.link_id);
  if (!record.cursor || record.resync || record.drain.open) return unknown;
  const auto expected = upstream.truth_at_cursor(damage.link_id.str(), record.cursor->text, now);
  if (!expected) return unknown;
  return expected->posted.contains(damage.id) || expected->pending.contains(damage.id);
}

}  // namespace syncd::test
