-- The tables that follow.py keeps current, and the one place where it writes down how far it is.
-- Rows go from the daemon's answer into these tables as JSON text: no number of theirs ever passes through a float.

create table moneykit_position (
  only_row boolean primary key default true check (only_row),
  epoch    bigint not null,
  seq      bigint not null
);

create table links (
  link_id text primary key,
  status  text not null
);

create table accounts (
  link_id    text not null,
  account_id text not null,
  name       text,
  currency   text,
  balance    numeric,
  gone       boolean not null,    -- upstream lists it no more
  data       jsonb not null,      -- upstream's object, whole
  primary key (link_id, account_id)
);

create table transactions (
  link_id        text not null,
  transaction_id text not null,
  account_id     text not null,
  posted_on      date,
  amount         numeric,
  currency       text,
  pending        boolean,
  data           jsonb not null,
  primary key (link_id, transaction_id)
);

-- One account and one transaction, from upstream's object: the only two places that know its members.

create function moneykit_account(link text, id text, gone boolean, data jsonb) returns accounts
language sql immutable as $$
  select row(link, id, data ->> 'name', data #>> '{balances,currency}', (data #>> '{balances,current}')::numeric,
             gone, data)::accounts
$$;

create function moneykit_transaction(link text, id text, data jsonb) returns transactions
language sql immutable as $$
  select row(link, id, data ->> 'account_id', (data ->> 'date')::date, (data ->> 'amount')::numeric,
             data ->> 'currency', (data ->> 'pending')::boolean, data)::transactions
$$;

-- Applies an answer of the feed, change by change. Each moves the position by one, in the caller's transaction: a change
-- that does not follow the last one, because it is missing or was applied already, ends the transaction with an error.
create function moneykit_apply(page jsonb) returns void language plpgsql as $$
declare
  change jsonb;
  link   text;
  id     text;
  data   jsonb;
begin
  for change in select * from jsonb_array_elements(page -> 'items') loop
    update moneykit_position set seq = seq + 1
     where epoch = (change ->> 'epoch')::bigint and seq + 1 = (change ->> 'seq')::bigint;
    if not found then
      raise exception 'change % of epoch % does not follow', change ->> 'seq', change ->> 'epoch';
    end if;
    link := change ->> 'link_id';
    id := change ->> 'id';
    data := change -> 'after';
    case change ->> 'kind'
      when 'link.added', 'link.status' then
        insert into links values (link, data ->> 'status')
          on conflict (link_id) do update set status = excluded.status;
      when 'account.created', 'account.updated', 'account.returned' then
        delete from accounts a where a.link_id = link and a.account_id = id;
        insert into accounts select (moneykit_account(link, id, false, data)).*;
      when 'account.gone' then
        update accounts a set gone = true where a.link_id = link and a.account_id = id;
      when 'transaction.created', 'transaction.updated' then
        delete from transactions t where t.link_id = link and t.transaction_id = id;
        insert into transactions select (moneykit_transaction(link, id, data)).*;
      when 'transaction.removed' then
        delete from transactions t where t.link_id = link and t.transaction_id = id;
      when 'link.purged' then
        delete from links l where l.link_id = link;
        delete from accounts a where a.link_id = link;
        delete from transactions t where t.link_id = link;
      else
        null;  -- relink.*: the queue is not kept here; and kinds of later versions
    end case;
  end loop;
end
$$;
