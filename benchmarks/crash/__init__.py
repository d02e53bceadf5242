"""The crash suite: a campaign whose every process is killed again and again, judged by what SES accepted.

    plan        how short everything is: leases, guard, timeouts
    failpoints  the sender and the SES gateway, dying at labelled beats
    worker      a process that sends; `naive` is the usual one, to compare with
    keeper      a process that ends leases and doubt, and takes events
    faults      the simulator, and the third of all calls that it disturbs
    crew        the processes: started again when they are dead, killed, paused
    chaos       when who is killed, and when it is over
    caps        a domain that warms up at several mailbox providers, over two days
    verdict     the simulator's accept log against the ledger

See:
    docs/sending.md for why nothing should be found.
"""
