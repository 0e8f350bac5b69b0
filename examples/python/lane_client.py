#!/usr/bin/env python3
"""A client of SocketScaler's protocol 2, written from PROTOCOL.md. It needs nothing but Python 3.

    python3 lane_client.py URL BOARD set CELL 0|1   changes a cell, and waits until the change is committed
    python3 lane_client.py URL BOARD dump PAGE      prints the position and bitmap of a page
    python3 lane_client.py URL BOARD watch          prints changes; reads `set …` and `dump …` lines

The token, if any, is read from the environment variable TOKEN.
"""
import base64, json, os, random, socket, ssl, struct, sys, threading, time
from urllib.parse import urlsplit

GENESIS, PAGE_CELLS, PAGES_MAX, SILENT_S = (0, bytes(6)), 65536, 256, 18
# Codes whose "retry" is "yes" in PROTOCOL.md.
AGAIN = {"RATE_LIMITED", "TOO_MANY_CONNECTIONS", "TOO_MANY_ERRORS", "TOO_SLOW", "GOING_AWAY", "BUSY", "STORE_AWAY",
         "PAGE_DAMAGED", "OUTCOME_UNKNOWN", "NOT_CONFIRMED", "KEYS_AWAY", "UNDECIDED", "INTERNAL"}

def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")

def varint(value):
    return bytes([value % 128 + 128]) + varint(value // 128) if value > 127 else bytes([value])

class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0
    def take(self, count):
        self.at += count
        if self.at > len(self.data): raise ValueError("the message is too short")
        return self.data[self.at - count:self.at]
    def varint(self):
        byte = self.take(1)[0]
        return byte if byte < 128 else byte - 128 + 128 * self.varint()
    def rest(self):
        return self.take(len(self.data) - self.at)
    def gaps(self, scale=1):
        """Reads varints to the end. Yields each cell, with the value packed beside its gap."""
        cell = 0
        while self.at < len(self.data):
            gap, value = divmod(self.varint(), scale)
            yield cell + gap, value
            cell += gap + 1
    def rice(self):
        k, count = self.varint(), self.varint()
        bits, at, cell = "".join(f"{byte:08b}" for byte in self.rest()), 0, 0
        for _ in range(count):
            start, zero = at, bits.index("0", at)
            at = zero + k + 2
            cell += (zero - start << k) + int("0" + bits[zero + 1:at - 1], 2)
            yield cell, int(bits[at - 1])
            cell += 1

class WebSocket:
    """RFC 6455, as far as protocol 2 uses it."""
    def __init__(self, url):
        to = urlsplit(url)
        tcp = socket.create_connection((to.hostname, to.port or {"https": 443}.get(to.scheme, 80)), SILENT_S)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if to.scheme == "https": tcp = ssl.create_default_context().wrap_socket(tcp, server_hostname=to.hostname)
        self.tcp, self.file = tcp, tcp.makefile("rb")
        tcp.sendall("\r\n".join([f"GET {to.path.rstrip('/')}/socketscaler HTTP/1.1", f"Host: {to.netloc}",
            "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Protocol: socketscaler.2", "", ""]).encode())
        status = self.file.readline()
        while self.file.readline().strip(): pass
        if b" 101 " not in status: raise ConnectionError(status.decode().strip() or "no answer")
    def send(self, payload):
        size, mask = len(payload), os.urandom(4)
        head = struct.pack(">BB", 0x82, 128 | size) if size < 126 else struct.pack(">BBH", 0x82, 254, size)
        self.tcp.sendall(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)))
    def receive(self):
        opcode, size = self.read(2)
        if size > 125: size, = struct.unpack(">H" if size == 126 else ">Q", self.read(2 if size == 126 else 8))
        payload = self.read(size)
        if opcode != 0x82: raise ConnectionError("the instance closed the WebSocket")
        return payload
    def read(self, count):
        data = self.file.read(count)
        if len(data) < count: raise ConnectionError("the connection was lost")
        return data

class Client:
    """`heard(event, …)` is called with "cell", "joined", "committed" or "refused"."""
    def __init__(self, url, board, pages, heard):
        self.url, self.board, self.wanted, self.heard = url, board, pages, heard
        self.session, self.lock = base64url(os.urandom(16)), threading.RLock()
        self.pages = {page: [GENESIS, bytearray(PAGE_CELLS)] for page in pages}  # position, a byte for each cell
        self.seq, self.queue, self.writes = 0, [], {}  # seq -> (cell, value): sent, not answered
        self.opened, self.pause_s = None, 0.1

    def run(self):
        while True:
            link = None
            try:
                link = WebSocket(self.url)
                with self.lock: self.begin(link)
                while True:
                    message = Reader(link.receive())
                    with self.lock: self.take(message.varint(), message)
            except (OSError, ValueError, LookupError) as error:
                print(f"connecting again: {error}", file=sys.stderr, flush=True)
            with self.lock: self.opened = None
            if link: link.file.close(), link.tcp.close()
            time.sleep(self.pause_s * random.uniform(0.5, 1))
            self.pause_s = min(self.pause_s * 2, 5)

    def begin(self, link):
        self.link, self.number, self.asked, self.last = link, 0, {}, None
        token = {"token": os.environ["TOKEN"]} if "TOKEN" in os.environ else {}
        self.request("hello", {"protocol": 2, **token})
        self.request("open", {"board": self.board, "protocol": 2, "session": self.session})
        if self.wanted: self.watch({"board": self.board}, self.wanted)

    def request(self, name, argument, pages=()):
        self.asked[self.number] = (name, pages)
        self.link.send(b"\1" + varint(self.number) + json.dumps([name, argument]).encode())
        self.number += 1

    def watch(self, board, pages):
        self.request("watch", {**board, "pages": [[page, self.position(page)] for page in pages]}, pages)

    def position(self, page):
        version, tag = self.pages[page][0]
        return f"{version}.{base64url(tag)}"

    def take(self, kind, message):
        if kind == 1: self.replied(*self.asked.pop(message.varint()), json.loads(message.rest()))
        elif kind == 2: self.acknowledged(message)
        elif kind == 3: self.refused(message.varint(), message.varint(), json.loads(message.rest()))
        elif kind == 4:
            name, argument = json.loads(message.rest())
            if name == "notice" and argument["kind"] == "goodbye": self.fail(argument["error"])
        elif kind == 5: self.restart(message)
        elif kind in (8, 9, 10, 11): self.apply(message, kind >= 10, message.rice() if kind % 2 else message.gaps(2))
        elif kind == 12: self.link.send(b"\3")

    def replied(self, name, pages, reply):
        if "error" in reply: self.fail(reply["error"])
        if name == "open":
            self.opened, self.pause_s = reply, 0.1
            for seq in sorted(self.writes): self.send(seq)
            self.write()
        for page in pages:
            if page < self.opened["pages"]: self.heard("joined", page)

    def fail(self, error):
        if error["code"] not in AGAIN: sys.exit(error["message"])
        self.pause_s = max(self.pause_s, error.get("retryAfterMs", 0) / 500)
        raise ConnectionError(error["message"])

    def apply(self, message, continues, changes):
        if continues:
            if not self.last: raise ValueError("a continuation of nothing")
            (handle, page, start), steps = self.last, message.varint()
        else:
            handle, page, version, steps = (message.varint() for _ in range(4))
            start = (version - steps, message.take(6))
        end = (start[0] + steps, message.take(6))
        self.last = (handle, page, end)
        held = self.pages[page]
        if held[0] == start:
            held[0] = end
            for cell, value in changes: self.put(page, cell, value)
        elif held[0] != end and not any(page in pages for _, pages in self.asked.values()):
            self.watch({"handle": handle}, [page])

    def restart(self, message):
        handle, page, version = (message.varint() for _ in range(3))
        self.last = (handle, page, (version, message.take(6)))
        after = bytearray(PAGE_CELLS)
        if message.varint() == 1: cells = (cell for cell, _ in message.gaps())
        else: cells = (cell for cell, bit in enumerate("".join(f"{byte:08b}" for byte in message.rest())) if bit == "1")
        for cell in cells: after[cell] = 1
        for cell, value in enumerate(after): self.put(page, cell, value)
        self.pages[page][0] = self.last[2]

    def put(self, page, cell, value):
        bits = self.pages[page][1]
        if bits[cell] != value: self.heard("cell", page * PAGE_CELLS + cell, value)
        bits[cell] = value

    def set(self, cell, value):
        with self.lock:
            self.queue.append((cell, value))
            self.write()

    def write(self):
        """Sends queued changes in order. Stops at a cell whose earlier change has no answer yet."""
        while self.opened and self.queue and self.queue[0][0] not in (cell for cell, _ in self.writes.values()):
            if self.seq + 1 - min(self.writes, default=1 + self.seq) >= self.opened["limits"]["writesInFlightMax"]: break
            self.seq += 1
            self.writes[self.seq] = self.queue.pop(0)
            self.send(self.seq)

    def send(self, seq):
        with self.lock:
            if not self.opened or seq not in self.writes: return
            cell, value = self.writes[seq]
            try: self.link.send(b"\2" + varint(self.opened["handle"]) + varint(seq) + varint(cell * 2 + value))
            except OSError: pass  # It is sent again on the next connection.

    def acknowledged(self, message):
        message.varint()
        while message.at < len(message.data):
            seq = message.varint()
            for _ in range(message.varint()): message.varint(), message.varint()
            self.settle("committed", seq)

    def refused(self, _, seq, error):
        if error["code"] in AGAIN: threading.Timer(error.get("retryAfterMs", 200) / 1000, self.send, [seq]).start()
        else: self.settle("refused", seq, error["message"])

    def settle(self, outcome, seq, *why):
        if seq in self.writes: self.heard(outcome, *self.writes.pop(seq), *why)
        self.write()

def main(url, board, command, *rest):
    def dump(page):
        bits = int("".join(map(str, client.pages[page][1])), 2).to_bytes(PAGE_CELLS // 8, "big").hex()
        print("page", page, client.position(page), bits, flush=True)
    def heard(event, *what):
        if command == "watch" or event == "refused": print(event, *what, flush=True)
        if command == "dump" and event == "joined": dump(what[0])
        if command != "watch" and event in ("joined", "committed", "refused"): os._exit(event == "refused")
    def obey():
        for name, *numbers in map(str.split, sys.stdin):
            with client.lock: {"set": client.set, "dump": dump}[name](*map(int, numbers))
        os._exit(0)
    pages = {"set": [], "dump": [int(rest[0])] if rest else [], "watch": list(range(PAGES_MAX))}[command]
    client = Client(url, board, pages, heard)
    if command == "set": client.set(int(rest[0]), int(rest[1]))
    if command == "watch": threading.Thread(target=obey, daemon=True).start()
    client.run()

if __name__ == "__main__":
    if len(sys.argv) < 4: sys.exit(__doc__)
    main(*sys.argv[1:])
