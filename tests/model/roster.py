#!/usr/bin/env python3
"""The rules of the roster a second time, to compare the engine's fold with, change by change.

Written from the prose at the head of `core/engine/src/roster/{fold,account,record,facts,verdict}.rs`, and in another way: the
engine judges records from the most senior author to the most junior, once; here every change is judged again and again,
each time by what counted the time before, until nothing moves. Reads one history a line from standard input (JSON),
writes one answer a line. Only the standard library.
"""

import heapq
import json
import sys

EVERYBODY = 1 << 62  # the seniority of members who are no owners


class History:
    """Changes whose past is complete, in order: topological, the smallest id first among those that are ready."""

    def __init__(self, changes):
        changes = {change["id"]: change for change in changes}
        left = {id: set(change["after"]) for id, change in changes.items()}
        ready = [id for id, after in left.items() if not after]
        heapq.heapify(ready)
        self.order, self.past = [], {}
        while ready:
            id = heapq.heappop(ready)
            self.order.append(changes[id])
            self.past[id] = {id}.union(*(self.past[before] for before in changes[id]["after"]))
            for other, after in left.items():
                if id in after:
                    after.discard(id)
                    if not after:
                        heapq.heappush(ready, other)
        self.place = {change["id"]: number for number, change in enumerate(self.order)}
        self.waiting = [id for id in changes if id not in self.place]

    def before(self, earlier, later):
        return earlier != later and earlier in self.past[later]


def reached(chains, device, life, compartment, seq):
    return any(c[:3] == [device, life, compartment] and seq <= c[3] for c in chains)


def reached_change(chains, change):
    return reached(chains, change["author"], change["life"], change["place"], change["seq"])


# ---- accounts -------------------------------------------------------------------------------------------------------

class Account:
    def __init__(self, history, changes):
        self.history, self.changes = history, changes
        self.removals = []  # (id, device, chains), in the order they were judged
        stands, causes = self.walk_by_rank()
        self.causes, self.counting = {}, set()
        for change in self.changes:
            says = change["says"]
            ok = change["id"] in stands or self.allowed(change, self.causes)
            if ok:
                self.counting.add(change["id"])
                for said in says:
                    if said[0] in ("found_account", "add_device"):
                        self.causes.setdefault(said[1], []).append(change["id"])
        self.founded = any(said[0] == "found_account" for change in self.changes for said in change["says"]
                           if change["id"] in self.counting)

    def walk_by_rank(self):
        stands, causes, done = set(), {}, set()
        for change in self.changes:
            if change["says"][0][0] == "found_account":
                causes.setdefault(change["says"][0][1], []).append(change["id"])
        while True:
            left = [device for device in causes if device not in done]
            if not left:
                return stands, causes
            device = min(left, key=lambda one: min(self.history.place[id] for id in causes[one]))
            done.add(device)
            for change in self.changes:
                if change["author"] != device or not self.allowed(change, causes):
                    continue
                for said in change["says"]:
                    if said[0] in ("found_account", "add_device"):
                        causes.setdefault(said[1], []).append(change["id"])
                    if said[0] == "remove_device":
                        stands.add(change["id"])
                        self.removals.append((change["id"], said[1], said[2]))

    def allowed(self, change, causes):
        past = self.history.past[change["id"]]
        removed = {device for id, device, _ in self.removals if id in past}
        kinds = {said[0] for said in change["says"]}
        if {"add_device", "remove_device"} <= kinds or not kinds <= {"found_account", "add_device", "remove_device"}:
            return False
        if change["author"] in removed:
            return False
        if "found_account" not in kinds and not past & set(causes.get(change["author"], [])):
            return False
        for said in change["says"]:
            if said[0] == "remove_device" and not past & set(causes.get(said[1], [])):
                return False
            if said[0] == "add_device" and said[1] in removed:
                return False
        return not any(device == change["author"] and id != change["id"] and not self.history.before(change["id"], id)
                       and not reached_change(chains, change) for id, device, chains in self.removals)

    def belongs(self, device, past):
        return bool(past & set(self.causes.get(device, []))) and not any(
            other == device and id in past for id, other, _ in self.removals)

    def is_removed(self, device):
        return device in self.causes and any(other == device for _, other, _ in self.removals)

    def is_live(self, device):
        return device in self.causes and not self.is_removed(device)


# ---- records --------------------------------------------------------------------------------------------------------

OWNER, CAREGIVER, READER = 0, 1, 2


def reaches(access, name):
    return access[1] is None or name in access[1]


def covers(mine, other):
    if other[1] is None:
        return mine[1] is None
    return all(reaches(mine, name) for name in other[1])


def both(one, two):
    if one[1] is None:
        names = two[1]
    elif two[1] is None:
        names = one[1]
    else:
        names = [name for name in one[1] if name in two[1]]
    return [max(one[0], two[0]), names]


class Event:
    def __init__(self, account, id, index, by, access, chains):
        self.account, self.id, self.index, self.by, self.access, self.chains = account, id, index, by, access, chains

    def makes_owner(self):
        return self.access is not None and self.access[0] == OWNER


class Record:
    def __init__(self, history, accounts, changes):
        self.history, self.accounts = history, accounts
        self.changes = [change for change in changes if self.well_formed(change)]
        self.by_id = {change["id"]: change for change in self.changes}
        foundings = [change for change in self.changes if change["says"][0][0] == "found_record"]
        self.foundings = {change["id"] for change in foundings}
        self.founder = foundings[0]["says"][0][1] if foundings else None
        self.founding_device = foundings[0]["author"] if foundings else None
        self.cuts, self.reigns, self.leaving, self.counting = [], [], [], {}
        self.adopted, self.why = {}, {}
        if self.founder:
            self.settle_cuts()
            self.settle_reigns()
            self.settle_leaving()
            self.settle_the_rest()

    @staticmethod
    def well_formed(change):
        kinds = [said[0] for said in change["says"]]
        if any(kind in ("found_account", "add_device") for kind in kinds):
            return False
        if "remove_device" in kinds and set(kinds) != {"remove_device"}:
            return False
        return "accept_transfer" not in kinds or len(kinds) == 1

    # -- whose device, and which removal of it

    def authors(self, change):
        return self.authors_in(change["author"], self.history.past[change["id"]])

    def authors_in(self, device, past):
        found = [name for name, account in self.accounts.items() if account.founded and account.belongs(device, past)]
        founder = self.accounts.get(self.founder)
        removed = founder and any(other == device and id in past for id, other, _ in founder.removals)
        if device == self.founding_device and past & self.foundings and not removed and self.founder not in found:
            found.append(self.founder)
        return found

    def named(self, account, past):
        if account == self.founder and past & self.foundings:
            return True
        return any(said[0] == "admit" and said[1] == account for change in self.changes if change["id"] in past
                   for said in change["says"])

    def settle_cuts(self):
        candidates = []
        for change in self.changes:
            if change["says"][0][0] == "remove_device":
                past = self.history.past[change["id"]]
                own = [account for account in self.authors(change) if self.named(account, past)]
                if own:
                    candidates.append((change, own[0]))
        for live in (True, False):
            for change, account in candidates:
                known = self.accounts.get(account)
                is_live = known.is_live(change["author"]) if known and known.founded else (
                    change["author"] == self.founding_device)
                if is_live != live:
                    continue
                cut = self.cut(change, 0, account)
                if cut or not known:
                    self.why[change["id"]] = cut or "refused"
                    continue
                if all(known.is_removed(said[1]) for said in change["says"]):
                    self.counting[change["id"]] = EVERYBODY
                    self.cuts += [(change["id"], said[1], said[2], account) for said in change["says"]]

    def cut(self, change, seniority, account):
        """None, "refused" or "beyond"."""
        for id, device, chains, by in self.cuts:
            if by != account or device != change["author"] or id == change["id"]:
                continue
            if self.history.before(id, change["id"]):
                return "refused"
            knew = self.history.before(change["id"], id) or reached_change(chains, change)
            if not knew and not self.sheltered(change, seniority):
                return "beyond"
        return None

    def sheltered(self, change, seniority):
        if any(by < seniority for _, by in self.adopted.get(change["id"], [])):
            return True
        return any(by < seniority and self.history.before(change["id"], id) for id, by in self.ranked.items())

    ranked = {}  # accepted changes by the seniority they were said with; of the round before

    # -- founders

    def reign(self, past):
        number, founder = 0, self.founder
        for at, (id, account) in enumerate(self.reigns):
            if id not in past:
                break
            number, founder = at + 1, account
        return number, founder

    def settle_reigns(self):
        while True:
            for change in self.changes:
                if change["says"][0][0] == "accept_transfer" and change["id"] not in self.counting:
                    to = self.taken(change)
                    if to:
                        self.reigns.append((change["id"], to))
                        self.counting[change["id"]] = 0
                        break
            else:
                return

    def taken(self, change):
        offer = self.by_id.get(change["says"][0][1])
        if not offer or not self.history.before(offer["id"], change["id"]):
            return None
        past = self.history.past[offer["id"]]
        founder = self.reigns[-1][1] if self.reigns else self.founder
        if self.reign(past) != (len(self.reigns), founder) or founder not in self.authors(offer):
            return None
        if self.cut(offer, 0, founder):
            return None
        for said in offer["says"]:
            if said[0] == "transfer" and said[1] in self.authors(change) and said[1] != founder and self.named(
                    said[1], past):
                return None if self.cut(change, 0, said[1]) else said[1]
        return None

    def reigning(self):
        return self.reigns[-1][1] if self.reigns else self.founder

    def settle_leaving(self):
        for change in self.changes:
            if len(change["says"]) == 1 and change["says"][0][0] == "remove":
                account = change["says"][0][1]
                if account in self.authors(change):
                    self.leaving.append(change["id"])
                    ok = account != self.reigning() and self.named(account, self.history.past[change["id"]])
                    cut = self.cut(change, 0, account) if ok else "refused"
                    if cut:
                        self.why[change["id"]] = cut
                    else:
                        self.counting[change["id"]] = EVERYBODY

    # -- everything that goes by rank: again and again until nothing moves

    def settle_the_rest(self):
        fixed = dict(self.counting)
        plain = {"remove_device", "accept_transfer"}
        rest = [change for change in self.changes
                if change["says"][0][0] not in plain and change["id"] not in self.leaving]
        counted = {}
        for _ in range(3 * len(self.changes) + 10):
            self.prepare(counted)
            following = {}
            for change in rest:
                by = self.judge(change)
                if by is not None:
                    following[change["id"]] = by
            if following == counted:
                break
            counted = following
        else:
            raise RuntimeError("the rules do not settle")
        self.counting = fixed | {id: by for id, (by, _) in counted.items()}

    def prepare(self, counted):
        self.ranked = {id: by for id, (by, _) in counted.items()}
        self.events, self.used, self.adopted = {}, {}, {}

        def event(account, change, index, by, access, chains):
            one = Event(account, change["id"], index, by, access, chains)
            self.events.setdefault(account, []).append(one)

        for id, account in self.reigns:
            event(account, self.by_id[id], 0, 0, [OWNER, None], [])
        for id in self.leaving:
            if id in self.counting:
                change = self.by_id[id]
                event(change["says"][0][1], change, 0, 0, None, change["says"][0][2])
        for id, (by, author) in counted.items():
            change = self.by_id[id]
            for index, said in enumerate(change["says"]):
                if said[0] == "admit":
                    event(said[1], change, index, by, self.invitation(change, author, said[2]), [])
                    self.used.setdefault(said[2], []).append((by, self.history.place[id]))
                if said[0] == "remove":
                    event(said[1], change, index, by, None, said[2])
                if said[0] == "change_access":
                    event(said[1], change, index, by, said[2], said[3])
                if said[0] == "adopt":
                    for other in said[1]:
                        self.adopted.setdefault(other, []).append((author, by))

    def after(self, later, earlier):
        if later.id == earlier.id:
            return later.index > earlier.index
        return self.history.before(earlier.id, later.id)

    def seen(self, account, past, upto):
        return [event for event in self.events.get(account, []) if event.id in past and event.by <= upto]

    def standing(self, account, past, upto=EVERYBODY):
        """What an account is, seen from a past: (access, seniority), or None."""
        seen = self.seen(account, past, upto)
        latest = [event for event in seen if not any(self.after(other, event) for other in seen)]
        if any(event.access is None for event in latest):
            return None
        founded = account == self.founder and past & self.foundings
        if latest:
            access = min(latest, key=lambda e: (e.by, -self.history.place[e.id], -e.index)).access
        elif founded:
            access = [OWNER, None]
        else:
            return None
        if access[0] != OWNER:
            return access, EVERYBODY
        ends = [event for event in seen if not event.makes_owner()]
        if founded and not ends:
            return access, 1
        since = [self.history.place[event.id] + 2 for event in seen
                 if event.makes_owner() and not any(self.after(end, event) for end in ends)]
        return access, min(since, default=EVERYBODY)

    def known(self, change):
        """What a change rests on: not on itself, except a founding."""
        past = self.history.past[change["id"]]
        return past if change["id"] in self.foundings else past - {change["id"]}

    def judge(self, change):
        """With which seniority a change counts and who said it, or None."""
        past = self.known(change)
        self.why[change["id"]] = "refused"
        options = []
        for author in self.authors(change):
            number, founder = self.reign(past)
            if author == founder and self.is_settled(change, number):
                options.append((0, author))
            tenures = {self.history.place[event.id] + 2 for event in self.events.get(author, []) if event.makes_owner()}
            tenures |= {EVERYBODY} | ({1} if author == self.founder else set())
            for seniority in tenures:
                standing = self.standing(author, past, seniority)
                if standing and standing[1] == seniority:
                    options.append((seniority, author))
        first = None
        for seniority, author in sorted(options):
            outcome = self.counts(change, author, seniority)
            if outcome is None:
                return seniority, author
            first = first or outcome
        self.why[change["id"]] = first or "refused"
        return None

    def is_settled(self, change, number):
        if number == len(self.reigns):
            return True
        if self.history.before(change["id"], self.reigns[number][0]):
            return True
        return any(by == 0 and self.history.before(change["id"], id) and self.reign(self.history.past[id])[0] > number
                   for id, by in self.ranked.items())

    def counts(self, change, author, seniority):
        """None if it counts, else why not."""
        past = self.known(change)
        standing = self.standing(author, past, seniority)
        if not standing:
            return "refused"
        access = standing[0]
        if not all(self.may(change, author, seniority, access, at) for at in range(len(change["says"]))):
            return "refused"
        cut = self.cut(change, seniority, author)
        if cut:
            return cut
        if self.sheltered(change, seniority):
            return None
        for event in self.events.get(author, []):
            if event.by >= seniority or event.id in past:
                continue
            if self.history.before(change["id"], event.id) or reached_change(event.chains, change):
                continue
            if event.access is None:
                return "beyond"
            overruled = any(other.by < event.by and not self.after(event, other)
                            for other in self.seen(author, past, EVERYBODY))
            if not overruled:
                access = both(access, event.access)
        if not all(self.may(change, author, seniority, access, at) for at in range(len(change["says"]))):
            return "beyond"
        return None

    def may(self, change, author, seniority, access, at):
        said, past = change["says"][at], self.history.past[change["id"]]
        if access[0] != OWNER:
            return False
        if said[0] in ("found_record", "adopt"):
            return True
        if said[0] == "invite":
            return covers(access, said[2])
        if said[0] == "admit":
            given = self.invitation(change, author, said[2])
            if given is None or not covers(access, given):
                return False
            mine = (seniority, self.history.place[change["id"]])
            if any(other < mine for other in self.used.get(said[2], [])):
                return False
            known = self.accounts.get(said[1])
            if known and known.founded and said[3] not in known.causes:
                return False
            return self.junior(said[1], author, seniority, self.known(change))
        if said[0] == "remove":
            return self.junior(said[1], author, seniority, self.known(change))
        if said[0] == "transfer":
            return seniority == 0 and said[1] != author and self.named(said[1], past)
        if said[0] == "verify":
            return said[1] != author and self.named(said[1], past)
        if said[0] == "change_access":
            return self.named(said[1], past) and self.may_change(author, seniority, access, said[1], said[2],
                                                                 self.known(change))
        raise ValueError(said[0])

    def may_change(self, author, seniority, mine, account, access, past):
        if account == author:
            return access[0] == mine[0] and covers(mine, access)
        if self.junior(account, author, seniority, past):
            return covers(mine, access)
        theirs = self.standing(account, past, seniority)
        if not theirs or access[0] != theirs[0][0] or not covers(access, theirs[0]):
            return False
        if access[1] is None:
            return mine[1] is None or theirs[0][1] is None
        return all(reaches(mine, name) or reaches(theirs[0], name) for name in access[1])

    def junior(self, account, author, seniority, past):
        if account == author:
            return False
        if seniority == 0:
            return True
        if account == self.reigning():
            return False
        ends = [event for event in self.seen(account, past, seniority) if not event.makes_owner()]
        if account == self.founder and not ends:
            return False
        return not any(event.makes_owner() and event.by <= seniority
                       and self.history.place[event.id] + 2 <= seniority
                       and not any(self.after(end, event) for end in ends)
                       for event in self.events.get(account, []))

    def invitation(self, change, author, key):
        past = self.history.past[change["id"]]
        for other in self.changes:
            if other["id"] in past:
                for said in other["says"]:
                    if said[0] == "invite" and said[1] == key and author in self.authors(other):
                        return said[2]
        return None

    # -- answers

    def members(self):
        everything = set(self.history.place)
        found = []
        for account in sorted(set(self.events) | {self.founder}):
            standing = self.standing(account, everything)
            if standing:
                joined = min((self.history.place[e.id] for e in self.events.get(account, [])), default=-1)
                key = (account != self.reigning(), standing[1], joined, account)
                found.append((key, [account, standing[0][0], standing[0][1]]))
        return [member for _, member in sorted(found)]

    def verdict(self, written):
        """Of a change of the record: counts, waits, beyond or refused."""
        if any(id not in self.history.place for id in written["frontier"]):
            return "waits"
        past = set().union(*(self.history.past[id] for id in written["frontier"]))
        authors = self.authors_in(written["author"], past)
        if any(account not in authors for account, _ in self.adopted.get(written["id"], [])):
            return "counts"

        def knew(chains):
            return reached(chains, written["author"], written["life"], written["place"], written["seq"])

        best = "refused"
        for account in authors:
            standing = self.standing(account, past)
            name = written["name"]
            if not standing or standing[0][0] == READER or not reaches(standing[0], name):
                continue
            access = standing[0]
            for event in self.events.get(account, []):
                if event.id in past or knew(event.chains) or event.by >= EVERYBODY:
                    continue
                if event.access is None:
                    access = [READER, []]
                elif not any(other.by < event.by and not self.after(event, other)
                             for other in self.seen(account, past, EVERYBODY)):
                    access = both(access, event.access)
            found = "counts" if access[0] != READER and reaches(access, name) else "beyond"
            for id, device, chains, by in self.cuts:
                if by == account and device == written["author"]:
                    if id in past:
                        found = "refused"
                    elif found == "counts" and not knew(chains):
                        found = "beyond"
            order = ["counts", "beyond", "refused"]
            best = min(best, found, key=order.index)
        return best


def answer(given):
    history = History(given["changes"])
    accounts, records = {}, []
    for change in history.order:
        if change["kind"] == "account":
            accounts.setdefault(change["of"], []).append(change)
        else:
            records.append(change)
    accounts = {name: Account(history, changes) for name, changes in accounts.items()}
    record = Record(history, accounts, records)
    counting = set(record.counting).union(*(account.counting for account in accounts.values()))
    outcomes = {}
    for change in history.order:
        counts = change["id"] in counting
        outcomes[change["id"]] = "counts" if counts else "refused"
        if not counts and change["kind"] == "record" and record.why.get(change["id"]) == "beyond":
            outcomes[change["id"]] = "beyond"
    for id in history.waiting:
        outcomes[id] = "waits"
    return {
        "outcomes": outcomes,
        "members": record.members() if record.founder else [],
        "verdicts": [record.verdict(written) for written in given["written"]],
    }


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=False)
