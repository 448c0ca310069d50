"""Real servers for tests, each started by the test run as a child of its own and stopped by its own pid.

process      one child: started, waited for with a deadline, stopped, killed, restarted; free ports
mosquitto    an MQTT broker on a free loopback port, whose sessions survive a restart
kafka        one KRaft broker for the whole run, with a second door that leads through the WAN switch
postgres     one PostgreSQL for the whole run, a fresh database a test
prometheus   scrapes what a test names and evaluates the rules it is given
chromium     a headless browser that knows no host but this one
faults       a TCP proxy that can be cut, healed, slowed and made to swallow
image        Dockerfile.edge, built by buildah through image.sh, and containers of it
setup.sh     installs them where that is allowed, and says what will be skipped

Each module has a context manager (`with mosquitto_running(folder) as broker`) and a fixture over it. A server
that is not on this machine is a visible skip, "server not available: ...", which CI counts as a failure.
"""
