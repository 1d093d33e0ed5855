#!/usr/bin/python3
"""Keeps tables in PostgreSQL equal to what moneykit-syncd stores, each change applied exactly once.

The position in the feed is a row of the same database and is committed together with the rows. Whatever dies, and
whenever it does: a transaction of PostgreSQL holds both or neither, and the next run goes on from there. What the daemon
is told afterwards (the acknowledgement) serves the retention of its feed and whoever watches the lag.

  follow.py --daemon unix:/run/moneykit-syncd/admin.sock --database 'dbname=books' --consumer books
  follow.py --daemon https://127.0.0.1:8420 --token-file TOKEN --ca-file CA.pem ...
"""

import argparse
import http.client
import json
import socket
import ssl
import sys
import time
import urllib.parse

import psycopg2


class Refused(Exception):
    """The daemon answered, and the answer is no."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')}")
        self.status = status
        self.code = problem.get("code")
        self.feed = problem.get("feed")  # epoch, first and head, of a refusal about a position


class Daemon:
    """The admin API, over one connection that is made anew when it breaks."""

    def __init__(self, address, token, ca_file):
        self.address = address
        self.token = token
        self.ca_file = ca_file
        self.connection = None

    def connect(self):
        if self.address.startswith("unix:"):
            connection = http.client.HTTPConnection("localhost", timeout=90)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(90)
            connection.sock.connect(self.address[len("unix:"):])
            return connection
        url = urllib.parse.urlsplit(self.address)
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=self.ca_file)
            return http.client.HTTPSConnection(url.hostname, url.port, timeout=90, context=context)
        return http.client.HTTPConnection(url.hostname, url.port, timeout=90)

    def ask(self, method, target, body=None):
        """The text of a good answer. Raises Refused, or OSError and HTTPException when there is none."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        while True:
            try:
                if self.connection is None:
                    self.connection = self.connect()
                self.connection.request(method, target, json.dumps(body) if body is not None else None, headers)
                answer = self.connection.getresponse()
                text = answer.read().decode()
            except (OSError, http.client.HTTPException):
                self.connection = None
                raise
            if answer.status < 300:
                return text
            problem = json.loads(text)
            if answer.status == 503:  # it starts or stops, or its disk failed
                raise ConnectionError(f"the daemon says 503: {problem.get('detail')}")
            if answer.status != 429:
                raise Refused(answer.status, problem)
            time.sleep(float(answer.getheader("Retry-After", "1")))  # too much was read in this minute

    def pages(self, path):
        """Each page of a list, as text."""
        after = ""
        while after is not None:
            text = self.ask("GET", f"{path}?limit=1000{after}")
            yield text
            place = json.loads(text).get("next")
            after = place and "&after=" + urllib.parse.quote(place, safe="")


class Follower:
    def __init__(self, daemon, database, consumer, page):
        self.daemon = daemon
        self.database = database
        self.consumer = f"/v1/feed/consumers/{consumer}"
        self.name = consumer
        self.page = page

    def position(self):
        """Where the tables are; None before the first load."""
        with self.database, self.database.cursor() as cursor:
            cursor.execute("select epoch, seq from moneykit_position")
            return cursor.fetchone()

    def follow(self):
        """One step: the next changes, or whatever else must be done first."""
        position = self.position()
        if position is None:
            return self.load()
        epoch, seq = position
        try:
            text = self.daemon.ask("GET", f"{self.consumer}/changes?after={seq}&epoch={epoch}&limit={self.page}&wait=30s")
        except Refused as refused:
            return self.settle(refused, epoch, seq)
        answer = json.loads(text)
        if answer["head"] < seq:
            return self.load()
        if not answer["items"]:
            return None
        last = answer["items"][-1]["seq"]
        with self.database, self.database.cursor() as cursor:  # one transaction: the rows and the position
            cursor.execute("select moneykit_apply(%s)", (text,))
        print(f"applied {last}", flush=True)
        try:
            self.daemon.ask("POST", f"{self.consumer}/ack", {"epoch": epoch, "seq": last})
        except Refused as refused:
            self.settle(refused, epoch, last)

    def settle(self, refused, epoch, seq):
        """The daemon does not go on from here: what it says decides what to do."""
        print(f"the daemon says {refused}", flush=True)
        if refused.code == "consumer_not_found":
            self.daemon.ask("POST", "/v1/feed/consumers", {"name": self.name, "from": "head"})
            return self.reset(epoch, seq)
        if refused.code == "behind":  # the tables are older than what it knows: a backup of PostgreSQL was put back
            return self.reset(epoch, seq)
        if refused.code == "epoch_changed" and refused.feed["epoch"] == epoch:  # its bookmark alone is old
            return self.reset(epoch, seq)
        if refused.code in ("epoch_changed", "feed_cut", "ahead"):
            return self.load()
        raise refused

    def reset(self, epoch, seq):
        """Puts the daemon's bookmark where the tables are."""
        try:
            self.daemon.ask("POST", f"{self.consumer}/reset", {"epoch": epoch, "seq": seq})
        except Refused as refused:
            if refused.code not in ("epoch_changed", "feed_cut", "ahead"):
                raise
            self.load()

    def load(self):
        """Makes the tables equal to the rows as they are now, and takes up the feed from where it was before that."""
        print("reading all rows", flush=True)
        self.daemon.ask("POST", "/v1/feed/consumers", {"name": self.name, "from": "head"})
        try:
            feed = json.loads(self.daemon.ask("GET", "/v1/feed?after=0&limit=1"))
        except Refused as refused:
            if refused.code != "feed_cut":  # that it has no beginning any more does not matter
                raise
            feed = refused.feed
        epoch, seq = feed["epoch"], feed["head"]
        with self.database, self.database.cursor() as cursor:
            # Seen by nobody before the end, and gone when this ends early.
            cursor.execute("create temporary table new_links (like links) on commit drop;"
                           "create temporary table new_accounts (like accounts) on commit drop;"
                           "create temporary table new_transactions (like transactions) on commit drop")
            for text in self.daemon.pages("/v1/links"):
                cursor.execute("insert into new_links select item ->> 'link_id', item ->> 'status'"
                               "  from jsonb_array_elements(%s::jsonb -> 'items') item", (text,))
                for link in json.loads(text)["items"]:
                    self.load_link(cursor, link["link_id"])
            cursor.execute("delete from links; delete from accounts; delete from transactions;"
                           "insert into links select * from new_links;"
                           "insert into accounts select * from new_accounts;"
                           "insert into transactions select * from new_transactions;"
                           "insert into moneykit_position (epoch, seq) values (%s, %s)"
                           "  on conflict (only_row) do update set epoch = excluded.epoch, seq = excluded.seq",
                           (epoch, seq))
        print(f"loaded at {seq}", flush=True)
        self.reset(epoch, seq)

    def load_link(self, cursor, link_id):
        path = "/v1/links/" + urllib.parse.quote(link_id, safe="")
        try:
            for text in self.daemon.pages(path + "/accounts"):
                cursor.execute("insert into new_accounts"
                               " select (moneykit_account(%s, item ->> 'account_id', (item ->> 'gone')::boolean,"
                               "                          item -> 'data')).*"
                               "  from jsonb_array_elements(%s::jsonb -> 'items') item", (link_id, text))
            for text in self.daemon.pages(path + "/transactions"):
                cursor.execute("insert into new_transactions"
                               " select (moneykit_transaction(%s, item ->> 'transaction_id', item -> 'data')).*"
                               "  from jsonb_array_elements(%s::jsonb -> 'items') item", (link_id, text))
        except Refused as refused:
            if refused.code != "link_not_found":  # purged meanwhile: the feed tells that, too
                raise


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--daemon", default="unix:/run/moneykit-syncd/admin.sock", help="unix:PATH, or http(s)://HOST:PORT")
    parser.add_argument("--token-file", help="file with a token of the role operate, for TCP")
    parser.add_argument("--ca-file", help="whom to believe over TLS, instead of the system's")
    parser.add_argument("--database", required=True, help="how to reach PostgreSQL: 'host=... dbname=...'")
    parser.add_argument("--consumer", required=True, help="its name at the daemon")
    parser.add_argument("--page", type=int, default=500, help="changes in one transaction, 1 to 1000")
    options = parser.parse_args()
    token = None
    if options.token_file:
        with open(options.token_file, encoding="ascii") as file:
            token = file.read().strip()
    pause = 0.1
    while True:
        try:
            database = psycopg2.connect(options.database)
            try:
                follower = Follower(Daemon(options.daemon, token, options.ca_file), database, options.consumer, options.page)
                while True:
                    follower.follow()
                    pause = 0.1
            finally:
                database.close()
        except Refused as refused:
            sys.exit(f"the daemon says {refused}")
        except (OSError, http.client.HTTPException, psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            # One of the two is away. Whether the last commit was done, the position says.
            print(f"{type(error).__name__}: {str(error).strip()}; trying again in {pause:.1f}s", file=sys.stderr, flush=True)
            time.sleep(pause)
            pause = min(pause * 2, 5)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
