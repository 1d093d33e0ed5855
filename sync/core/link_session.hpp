#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/page.hpp"
#include "sync/core/result.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {

// ---- what is asked
// -----------------------------------------------------------------------------------------------

// A product that the link is to bring beside its accounts.
struct SessionProduct {
  std::string name;  // account_numbers, identity, transactions or investments
  bool required = false;
  bool require_permission = false;
  bool prefetch = false;    // fetched as soon as the link exists, not only on the first refresh
  std::string reason = {};  // shown to the user; empty: none
};

// A session for the component in the user's browser or app (POST /link-session). Lengths are in characters
// where upstream documents them so; beyond, the bounds are ours.
struct SessionRequest {
  std::string customer_user_id;  // 4 to 150 characters, at most id_bytes_max bytes
  std::string email;             // empty: none; 4 to 254 characters
  std::string phone;             // empty: none; 4 to 30 characters
  std::string phone_country;     // empty: none; US, GB or CA, with a phone only
  std::string redirect_uri;      // required, for a relink too; see redirect_uri_fault()
  LinkId existing_link_id;       // empty: a new link. Else a relink: the institution and the user stay
  std::string institution_id;    // empty: the user chooses; upstream ignores it on a relink
  // A relink that leaves these out removes the link's own: repeat what is to stay, see parse_link_keeps().
  std::string webhook;                 // empty: none; what a person writes must pass webhook_fault()
  std::vector<std::string> link_tags;  // each 1 to 99 characters, the first one a letter or digit
  std::vector<SessionProduct> products;
  std::vector<std::string> countries;  // empty: the app's own; two capital letters each
  std::vector<std::string> providers;  // empty: any; upstream's words
};

inline constexpr std::size_t session_uri_bytes_max = 65'536;
inline constexpr std::size_t session_tags_max = 1'000;
inline constexpr std::size_t session_words_max = 100;  // countries, providers
inline constexpr std::size_t session_reason_characters_max = 1'000;
inline constexpr std::size_t exchangeable_token_bytes_max = 4'096;

// What is wrong with an address that upstream is to send the user back to, as the rest of a sentence: "has a
// query ...". nullopt: nothing. `https://`, or `http://` for this machine alone; no query and no fragment.
std::optional<std::string_view> redirect_uri_fault(std::string_view text);
// The same for the address that upstream sends events to, which may have a query.
std::optional<std::string_view> webhook_fault(std::string_view text);

// The body of POST /link-session, which may hold a person's addresses. Errc::invalid names the field and its
// rule, never its value.
Result<std::string> session_body(const SessionRequest& request);
// The body of POST /link-session/exchange-token: a secret, written without growing. Errc::invalid: not 1 to
// exchangeable_token_bytes_max bytes of UTF-8 without control characters.
Result<std::string> exchange_body(std::string_view exchangeable_token);

// What is to become of a link upstream. What is not in it stays as it is.
struct LinkChange {
  std::optional<std::string> webhook;                 // empty: none any more
  std::optional<std::vector<std::string>> link_tags;  // all that the link is to have
};
// The body of PATCH /links/{id}. Errc::invalid: a webhook or tags that upstream does not take.
Result<std::string> link_change_body(const LinkChange& change);

// The body of POST /links/{id}/products. Errc::invalid: no product, or a word that is none.
Result<std::string> refresh_body(const std::vector<std::string>& products);

// ---- what is answered
// --------------------------------------------------------------------------------------------

struct SessionAnswer {
  std::string link_session_token;  // a secret, for the user's browser or app
};

// All links of a customer user, those that wait for the exchange of their token included.
struct UserLinksAnswer : AnswerBase {
  std::vector<LinkObject> links;  // in upstream's order, each id once
};

// What a relink must repeat, or upstream takes it from the link.
struct LinkKeeps {
  std::string webhook;                 // empty: none
  std::vector<std::string> link_tags;  // upstream's, at most session_tags_max
};

// Of one customer user; beyond that the answer is refused as too_large.
inline constexpr std::size_t user_links_max = 10'000;

// Each takes the body (moved in) and gives the answer, or Errc::protocol, exactly as the parse_* functions of
// page.hpp do.
Result<SessionAnswer> parse_session(std::string body);
// `link.link_id` is the link's id. An answer without `link` gives its top `link_id`, which is deprecated, and
// nothing else: the link's state and json are empty then, and GET /links/{id} says the rest.
Result<std::shared_ptr<const LinkAnswer>> parse_exchange(std::string body);
// A map by link id; one that lists a link under another id than the link's own is refused.
Result<std::shared_ptr<const UserLinksAnswer>> parse_user_links(std::string body);

// Of a link object, as LinkObject::json has it.
Result<LinkKeeps> parse_link_keeps(std::string link_json);

}  // namespace syncd::core
