"""A render child that a template has taken over: what tests put into it."""

from gateways.render_process import BOOTSTRAP


# Filters that the dialect would never have, which do what an escaped template could.
ESCAPED = BOOTSTRAP.replace(
    "main()",
    """
import ctypes, json, os, socket, sys, time
from core import rendering

libc = ctypes.CDLL(None, use_errno=True)
first_path = [path for path in sys.path if path.endswith('site-packages')][0]

def attempt(what):
    try:
        return 'did ' + str(what())
    except BaseException as error:
        return type(error).__name__

def bomb(_value):
    held = []
    while True:
        held.append(bytearray(2 ** 20))

def burn(_value):
    while True:
        pass

def work(seconds):
    ends = time.process_time() + seconds
    while time.process_time() < ends:
        pass
    return 'done'

def nap(seconds):
    time.sleep(seconds)
    return 'awake'

ATTEMPTS = {
    'environment': lambda: json.dumps(dict(os.environ)),
    'open': lambda: open('/etc/passwd'),
    'os.open': lambda: os.open('.', os.O_RDONLY),
    'libc.open': lambda: libc.open(b'/', 0),
    'libc.fork': lambda: libc.fork(),
    'libc.socket': lambda: libc.socket(2, 1, 0),
    'listdir': lambda: os.listdir('/'),
    'mkdir': lambda: os.mkdir('x'),
    'fork': lambda: os.fork(),
    'system': lambda: os.system('true'),
    'kill': lambda: os.kill(os.getppid(), 0),
    'connect': lambda: socket.create_connection(('127.0.0.1', 9)),
    '_socket': lambda: __import__('_socket').socket(),
    'raise the limits': lambda: __import__('resource').setrlimit(7, (64, 64)),
}
for environment in (rendering._HTML, rendering._TEXT):
    environment.filters.update(
        attempt=lambda name: attempt(ATTEMPTS[name]),
        bomb=bomb, burn=burn, nap=nap, work=work,
        die=lambda _value: os._exit(1),
        say=lambda raw: os.write(0, bytes.fromhex(raw)),
        huge=lambda _value: os.write(0, (2 ** 31).to_bytes(4, 'big')),
    )
main()
""",
).replace("import main\n\n", "import main\n")
