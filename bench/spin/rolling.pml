/* The rolling update of a pool with N domains of one server each, as docs/prove.md abstracts it, without clocks: a fault
 * budget K covers a reading that is wrong, an action that fails or whose connection breaks, and a server that dies.
 *
 * spin -a -DN=12 -DK=2 rolling.pml && cc -O2 -DSAFETY -DNOFAIR -o pan pan.c && ./pan
 */
#ifndef N
#define N 12
#endif
#ifndef K
#define K 2
#endif
#define NEED ((N) / 2)

mtype = { ready, busy, insufficient };

byte faults = K;
byte turn = 0;
byte tries = 0;
bit over = 0;         /* the pool is failed over */
bit out = 0;          /* the server of the turn is out of service */
bit fresh = 0;        /* replicas of the last turn may still be built */
bit verified = 1;
bit dead[N];
byte running = N;
bit failed = 0;
bit doubt = 0;

inline die() {
  /* any server, at any moment */
  if
  :: faults > 0 ->
    byte d;
    d = 0;
    do
    :: d < N - 1 -> d++
    :: break
    od;
    if
    :: !dead[d] -> dead[d] = 1; faults--; fresh = 1;
       if
       :: d == turn && out -> skip
       :: else -> running--
       fi
    :: else -> skip
    fi;
    d = 0
  :: skip
  fi;
  assert(over || running >= NEED)
}

inline act() {
  /* an action on the server of the turn: done, failed, or nobody knows and a look tells */
  if
  :: dead[turn] -> failed = 1
  :: else ->
    if
    :: skip
    :: faults > 0 -> faults--; failed = 1
    :: faults > 0 -> faults--;
       if
       :: skip           /* a look: done */
       :: failed = 1     /* a look: failed */
       :: doubt = 1      /* a look: nobody can tell */
       fi
    fi
  fi
}

active proctype runbook() {
  do
  :: turn < N && !failed && !doubt ->
    tries = 0;
    do
    :: over || failed -> break
    :: else ->
      d_step { tries++ };
      atomic { die() };
      if
      :: running - 1 < NEED -> failed = 1; break
      :: else ->
        if
        :: fresh = 0; break                                /* Ready */
        :: fresh || faults > 0 ->                          /* Busy */
           if :: fresh -> skip :: else -> faults-- fi;
           if
           :: tries == 3 -> over = 1; break                /* else failover */
           :: else -> skip
           fi
        :: faults > 0 -> faults--; over = 1; break         /* InsufficientActiveFrontEnds */
        fi
      fi
    od;
    if
    :: failed -> skip
    :: else ->
      atomic { assert(verified); out = 1; running = running - (1 - dead[turn]); verified = 0; assert(over || running >= NEED) };
      atomic { die() }; act();                             /* stop */
      if :: failed || doubt -> skip :: else -> atomic { die() }; act() fi;   /* upgrade */
      if :: failed || doubt -> skip :: else -> atomic { die() }; act() fi;   /* restart */
      if
      :: failed || doubt -> skip
      :: else -> atomic { out = 0; running = running + (1 - dead[turn]); fresh = 1 }; atomic { die() }; act(); verified = 1
      fi
    fi;
    turn++
  :: else -> break
  od;
  if
  :: over && !failed && !doubt -> over = 0
  :: else -> skip
  fi
}
