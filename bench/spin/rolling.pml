/* The seed procedure on a pool of D upgrade domains of M servers each, with all that may befall it: the abstraction of
 * docs/prove.md, written down a second time, so that its states can be counted by somebody else.
 *
 *     for each domain:
 *       wait ready retry 3 every 10m else failover
 *       stop graceful within 1h else stop
 *       upgrade within 1h
 *       restart within 30m
 *       verify retry 10 every 1m
 *       hold ready 20m within 2h
 *     end
 *     if failed over: failback
 *     on failure: notify
 *
 * with a window, a paired pool, up to K faults, and lrun never killed. One step of the process is one thing that can
 * happen next (how an effect ends, or a server that dies) with all that the procedure does about it until it waits again;
 * so a state of Spin's is a state of the explorer's. Times are seconds, and count relative to now.
 *
 *     spin -a -DD=6 -DM=1 -DK=2 rolling.pml && cc -O2 -DSAFETY -DNOREDUCE -o pan pan.c && ./pan -m1000000
 */
#ifndef D
#define D 6
#endif
#ifndef M
#define M 1
#endif
#ifndef K
#define K 1
#endif
#define SERVERS (D*M)

/* The vendor's tables: how many of the first so many servers keep a pool going, and how many it takes to start one. */
#if SERVERS == 2
#define NEED 1
#define VOTERS 2
#define STARTS 1
#elif SERVERS == 3
#define NEED 2
#define VOTERS 3
#define STARTS 3
#elif SERVERS == 4
#define NEED 2
#define VOTERS 4
#define STARTS 3
#elif SERVERS == 5
#define NEED 3
#define VOTERS 5
#define STARTS 4
#elif SERVERS == 6
#define NEED 3
#define VOTERS 6
#define STARTS 5
#elif SERVERS == 8
#define NEED 4
#define VOTERS 7
#define STARTS 6
#elif SERVERS == 9
#define NEED 4
#define VOTERS 7
#define STARTS 7
#elif SERVERS == 10
#define NEED 5
#define VOTERS 9
#define STARTS 8
#elif SERVERS == 12
#define NEED 5
#define VOTERS 9
#define STARTS 10
#else
#error "no row of the vendor's table for this number of servers"
#endif

#define ALL     ((1 << SERVERS) - 1)
#define VOTING  ((1 << VOTERS) - 1)
#define SETTLE  721                      /* replicas are built again this long after a server came back, at the latest */
#define BIT(i)  (1 << (turn*M + (i)))    /* the i-th server of the turn */
#define TURN    (((1 << M) - 1) << (turn*M))
#define RUNNING (up & ~dead)

/* Places: of the runbook, and of a server in it; what stands behind a step is where the next one begins. */
#define HEAD      0
#define WAIT      1
#define FAILOVER  2
#define STOPS     3
#define STOP      4   /* stop graceful */
#define STOP2     5   /* else stop */
#define UPGRADES  7
#define UPGRADE   8
#define RESTARTS  10
#define RESTART   11
#define VERIFIES  13
#define VERIFY    14
#define HOLD      16
#define END_TURN  17
#define FAILBACK  19
#define END       20

/* What an action takes, from and to, and its bound. */
#define LOW(p)    (p == STOP -> 300 : (p == STOP2 -> 60 : (p == UPGRADE -> 600 : (p == RESTART -> 300 : (p == FAILOVER -> 900 : 1200)))))
#define HIGH(p)   (p == STOP -> 2400 : (p == STOP2 -> 240 : (p == UPGRADE -> 1200 : (p == RESTART -> 900 : (p == FAILOVER -> 2100 : 3600)))))
#define WITHIN(p) (p == STOP2 -> 600 : (p == RESTART -> 1800 : (p == FAILBACK -> 7200 : (p == VERIFY -> 60 : 3600))))

/* What the runbook itself waits for. */
#define NOTHING   0   /* the run has ended */
#define ASK_START 1   /* a look at the pool as the run begins */
#define ASK_TURN  2   /* … before a turn */
#define READ      3   /* the readiness */
#define PAUSE     4   /* until the next reading */
#define ACT       5   /* a failover or failback */
#define LOOK      6   /* how it ended */
#define HOLDING   7
#define ASK_BACK  8   /* a look at the pool before a failback */
#define NOTIFY    9
#define TASKS     10  /* its servers */

/* What a server's task does. */
#define IDLE      0
#define ACTING    1
#define LOOKING   2
#define PAUSING   3   /* until verify is tried again */
#define HELD      4   /* it failed, or was not let begin */
#define DOUBT     5   /* nobody knows how its action ended */

/* How the run ends. */
#define COMPLETED 1
#define CLOSED    2
#define FAILED    3
#define IN_DOUBT  4

/* What is true of an action whose end nobody saw. */
#define SURE      0
#define MAYBE     1   /* it may or may not have reached the server */
#define BEGUN     2
#define RISING    3   /* it was given up, and the server comes up all the same: after `rise` at the latest, if not NEVER */
#define NEVER     (-1)

/* What the readiness cmdlet says: the truth, or something else for as long as it likes. */
#define TRUTHFUL  0
#define SAYS_BUSY 1
#define SAYS_INSUFFICIENT 2
#define SAYS_FALSE 3
#define SAYS_GARBLED 4
#define SAYS_NOTHING 5
#define SAYS_READY 6
#define SAYS_LATE 7   /* it does not answer until it is given up */

/* A reading. */
#define R_READY   0
#define R_BUSY    1
#define R_INSUFFICIENT 2
#define R_UNREAD  3
#define R_GARBLED 4

/* Guards of the interlock that a fault may have made refuse since they last passed. */
#define G_READING  1
#define G_VERIFIED 2
#define G_QUORUM   4

/* The pool. */
byte  faults = K;
byte  cond = TRUTHFUL;
short rebuild;            /* replicas may still be built for so long */
short up = ALL;
short out, dead, sick, fresh, stopped, installed;
bit   noQuorum;           /* the pool lost its quorum: what ran has stopped, and nothing starts … */
short waiting;            /* … until enough servers wait for it */
bit   justDied;           /* a server died since the last event, at any moment until the next one */
byte  guards;
bit   passed;             /* the latest reading let the turn begin */
bit   over;               /* the pool is failed over */

/* The run. */
byte  place = HEAD;
byte  turn = D;           /* D: none */
byte  doing = ASK_START;
byte  ending;
short took, unverified, down, touched, done;
byte  tries;              /* wait ready */
bit   onlyBusy, onlyDomain;
bit   allows;             /* the latest reading may let the turn begin; of any other nothing depends */
short age, seen;          /* how old it is, and who ran then */

/* The effect of the runbook itself. */
short mrest, mtakes, mlim;  /* it ends so long from now, takes so long, and may take so long; 0 where it ends by its bound */
bit   mslow, mhung, mbound, mlate;
bit   mbeyond;            /* its range goes beyond its bound */
bit   mbars;              /* it is refused as it begins */
byte  mlimbo, mstarts;
short msince;             /* how long ago its step began */

/* The servers of the turn. */
byte  at[M], st[M], limbo[M], starts[M], try[M];
short rest[M], takes[M], lim[M], since[M];
bit   slow[M], hung[M], bound[M], late[M], struck[M], wasUp[M], wasOut[M], wasTook[M];
bit   beyond[M];
bit   stuck[M];           /* the services start, and wait for the quorum */
short rise[M];

/* What follows from the rest: whose effect ends next (M: the runbook's own), and the truth for a reading. */
byte  next = M;
bit   lastOne;            /* no other server's task is still going */
short critical;           /* servers that the pool cannot spare */
bit   refused;            /* too few servers run for a failback */
bit   insufficient, mayStop, keepsQuorum;

hidden short e, x, n, c, who, stopping, members;
hidden byte i, j, r, ok, live, then, what, mine, tooLate;
hidden short slack, spent;

#define COUNT(from, to) to = (from) - (((from) >> 1) & 21845); to = (to & 13107) + ((to >> 2) & 13107); to = (to + (to >> 4)) & 3855; to = (to + (to >> 8)) & 31
#define VOTES(set) x = (set) & VOTING; COUNT(x, n)

inline fault() { faults--; guards = G_READING | G_VERIFIED | G_QUORUM }

/* Whether every routing group keeps two of its three replicas when members stop, wherever they are. */
inline keepsGroups(whole, part, answer) {
  live = 0; j = 0;
  do
  :: j < D -> if :: whole & (((1 << M) - 1) << (j*M)) -> live++ :: else fi; j++
  :: else -> break
  od;
  x = part & whole; COUNT(x, stopping);
  x = whole; COUNT(x, c);
#if SERVERS == 2
  n = c;
#else
  n = (c < 3 -> c : 3);
#endif
  if
  :: stopping == 0 -> c = 0
  :: else ->
    if
    :: live >= 3 -> c = 1
    :: live == 2 -> c = (stopping < 2 -> stopping : 2)
    :: else -> c = (stopping < n -> stopping : n)
    fi
  fi;
#if SERVERS == 2
  answer = (n - c >= 1)
#else
  answer = (n - c >= 2)
#endif
}

/* The truth: insufficient, mayStop for the domain of the turn, keepsQuorum without it. */
inline truth() {
  who = RUNNING;
  i = 0; ok = 0;
  do
  :: i < D && !ok ->
    members = ((1 << M) - 1) << (i*M);
    VOTES(who & ~members);
    ok = (n >= NEED && (members & who));
    i++
  :: else -> break
  od;
  VOTES(who);
  insufficient = (!ok || n < NEED);
  VOTES(who & ~TURN);
  keepsQuorum = (n >= NEED);
  mayStop = 0;
  if
  :: !insufficient && keepsQuorum -> keepsGroups(who, TURN, mayStop)
  :: else
  fi
}

/* Time passes until an effect ends that ends in s. It might have been shorter by `slack`, and then the replicas had less. */
inline pass(s) {
  if
  :: s > 0 ->
    if
    :: justDied || slack >= s          /* the server may have died just before this */
    :: else ->
      x = (slack > 0 -> s - slack : s);
      if
      :: rebuild > x -> rebuild = rebuild - x
      :: else -> rebuild = 0; fresh = 0
      fi
    fi;
    if
    :: allows -> age = age + s; if :: age > 900 -> allows = 0; age = 0; seen = 0 :: else fi
    :: else
    fi;
    if
    :: mlimbo != SURE || doing == ACT || doing == LOOK ->
      msince = (msince + s < WITHIN(place) -> msince + s : WITHIN(place))
    :: else
    fi;
    i = 0;
    do
    :: i < M ->
      assert(st[i] != ACTING || at[i] == VERIFY || rest[i] <= WITHIN(at[i]) - since[i]); /* nobody goes on past his bound */
      if
      :: st[i] != IDLE && st[i] != HELD ->
        since[i] = (since[i] + s < WITHIN(at[i]) -> since[i] + s : WITHIN(at[i]));
        if :: st[i] != DOUBT -> rest[i] = rest[i] - s :: else fi
      :: else
      fi;
      if :: rise[i] > 0 -> rise[i] = rise[i] - s + (slack < s -> slack : s) :: else fi;
      assert(rise[i] >= NEVER);        /* nothing here takes so long that such a server is up again */
      i++
    :: else -> break
    od
  :: else
  fi;
  slack = 0;
  justDied = 0
}

/* What a step of the process does besides is written once, in the order in which one thing leads to another: `then`
 * says what comes next. */
#define DONE_     1   /* the step of server `next` is done */
#define FAILED_   2   /* … has failed */
#define DOUBT_    3   /* … is in doubt */
#define JOIN_     4   /* a server's task has ended: the runbook goes on once all have */
#define READ_     5   /* the readiness was read: what, mine */
#define BEGIN_    6   /* a turn begins */
#define CLOSE_    7   /* a turn ends */
#define HEAD_     8   /* the head of the loop */
#define BACK_     9   /* the failover or failback is done */
#define STOPS_   10   /* the turn may begin, as far as the runbook goes: the window and the interlock are asked */
#define EACH_    11   /* all servers still in the turn begin a step */
#define ACT_     12   /* server `next` begins its action, within e */
#define HOLD_    13
#define FAILOVER_ 14
#define MAIN_    15   /* a failover or failback begins, within e */
#define FAIL_    16   /* the runbook's own step has failed */
#define END_     17   /* on failure */

inline clearMain() { mrest = 0; mtakes = 0; mlim = 0; mslow = 0; mhung = 0; mlate = 0; mbars = 0 }
inline closeMain() { clearMain(); mbeyond = 0; mbound = 0; mstarts = 0; msince = 0; tries = 0; onlyBusy = 0; onlyDomain = 0 }
inline finish(how) { ending = how; doing = NOTHING; then = 0 }

inline clear(k) { rest[k] = 0; takes[k] = 0; lim[k] = 0; slow[k] = 0; hung[k] = 0; late[k] = 0; struck[k] = 0; stuck[k] = 0 }
inline close(k) { clear(k); since[k] = 0; starts[k] = 0; bound[k] = 0; try[k] = 0; wasTook[k] = 0; if :: limbo[k] == SURE -> wasUp[k] = 0; wasOut[k] = 0; beyond[k] = 0 :: else fi }
inline verify(k) { st[k] = ACTING; touched = touched | BIT(k); since[k] = 0; rest[k] = 30; takes[k] = 30 }

/* The longest that an action takes within its bound, or the shortest where none keeps it. */
#define INSIDE(p, within) (HIGH(p) <= within -> HIGH(p) : (LOW(p) <= within -> within : LOW(p)))

/* Replicas are built anew. */
inline unsettle() { if :: rebuild == 0 -> fresh = 0 :: else fi; rebuild = SETTLE }

inline act(k, within) {
  assert(at[k] != UPGRADE || !(installed & BIT(k)));             /* upgrade-once */
  assert(at[k] != UPGRADE || ((stopped | dead) & BIT(k)));       /* stopped-first */
  assert(limbo[k] == SURE || at[k] != UPGRADE);                  /* hands-off */
  wasUp[k] = ((up & BIT(k)) != 0); wasOut[k] = ((out & BIT(k)) != 0);
  if
  :: at[k] == STOP2 && !noQuorum && !((stopped | dead) & BIT(k)) -> unsettle()
  :: else
  fi;
  waiting = waiting & ~BIT(k);
  up = up & ~BIT(k); out = out | BIT(k); fresh = fresh & ~BIT(k);
  wasTook[k] = ((took & BIT(k)) != 0);
  touched = touched | BIT(k); took = took | BIT(k); unverified = unverified | BIT(k); down = down | BIT(k);
  st[k] = ACTING; limbo[k] = SURE;
  takes[k] = INSIDE(at[k], within);
  lim[k] = within;
  beyond[k] = (HIGH(at[k]) > within);
  if :: takes[k] > within -> takes[k] = within; late[k] = 1; lim[k] = 0 :: else fi;
  rest[k] = takes[k]
}

inline advance() {
  if
  :: then == DONE_ ->
    if
    :: at[next] <= STOP2 ->
      if :: at[next] == STOP && !(stopped & BIT(next)) -> unsettle() :: else fi;
      stopped = stopped | BIT(next); at[next] = UPGRADES
    :: at[next] == UPGRADE -> installed = installed | BIT(next); at[next] = RESTARTS
    :: at[next] == RESTART ->
      stopped = stopped & ~BIT(next);
      who = BIT(next);
      if
      :: noQuorum ->                   /* those that wait make up enough by now */
        who = waiting | BIT(next); noQuorum = 0; waiting = 0; i = 0;
        do
        :: i < M -> if :: stuck[i] -> stuck[i] = 0; takes[i] = takes[i] - rest[i]; rest[i] = 0 :: else fi; i++
        :: else -> break
        od
      :: else
      fi;
      unsettle(); up = up | who; out = out & ~who; fresh = fresh | who;
      down = down & ~BIT(next); at[next] = VERIFIES
    :: at[next] == VERIFY -> down = down & ~BIT(next); unverified = unverified & ~BIT(next); at[next] = HOLD
    fi;
    limbo[next] = SURE; close(next); st[next] = IDLE; then = JOIN_
  :: then == FAILED_ ->
    if
    :: at[next] == STOP -> limbo[next] = SURE; close(next); at[next] = STOP2; e = 600; then = ACT_
    :: else ->
      if :: at[next] == VERIFY -> down = down | BIT(next) :: else fi;
      close(next); st[next] = HELD; then = JOIN_;
      if :: ending < FAILED -> ending = FAILED :: else fi
    fi
  :: then == DOUBT_ -> clear(next); st[next] = DOUBT; ending = IN_DOUBT; then = JOIN_
  :: else
  fi;
  if
  :: then == JOIN_ ->
    i = 0; r = 0; live = 0;
    do
    :: i < M ->
      if
      :: st[i] == IDLE -> live = 1
      :: st[i] == HELD || st[i] == DOUBT
      :: else -> r = 1
      fi;
      i++
    :: else -> break
    od;
    if
    :: r -> then = 0
    :: else ->
      place = (place == STOPS -> UPGRADES : (place == UPGRADES -> RESTARTS : (place == RESTARTS -> VERIFIES : HOLD)));
      if
      :: !live -> then = END_
      :: place != HOLD -> then = EACH_
      :: ending && place == HOLD ->    /* the turn was only brought to its end */
        i = 0;
        do
        :: i < M -> if :: st[i] == IDLE -> done = done | BIT(i) :: else fi; i++
        :: else -> break
        od;
        place = END_TURN; then = END_
      :: else -> then = (over -> CLOSE_ : HOLD_)
      fi
    fi
  :: else
  fi;
  if
  :: then == READ_ ->
    clearMain();
    if :: RUNNING == 0 -> what = R_UNREAD; mine = 0 :: else fi;   /* nobody is there to ask */
    passed = (what == R_READY && mine);
    if
    :: passed -> guards = guards & G_QUORUM; allows = 1; age = 0; seen = RUNNING; then = STOPS_
    :: what == R_INSUFFICIENT -> then = FAILOVER_
    :: what == R_GARBLED -> then = FAIL_
    :: else ->
      onlyBusy = (onlyBusy && what == R_BUSY);
      onlyDomain = (onlyDomain && what == R_READY);
      if
      :: tries < 3 -> doing = PAUSE; mrest = 600 - spent; mtakes = mrest; then = 0
      :: else -> then = (onlyBusy -> FAILOVER_ : FAIL_)
      fi
    fi
  :: then == BACK_ ->
    mlimbo = SURE; closeMain();
    if
    :: place == FAILOVER -> over = 1; then = STOPS_
    :: else -> over = 0; place = END; finish(COMPLETED)
    fi
  :: then == BEGIN_ ->
    passed = 0;
    if
    :: over -> then = STOPS_
    :: else -> place = WAIT; tries = 1; onlyBusy = 1; onlyDomain = 1; doing = READ; then = 0
    fi
  :: then == CLOSE_ ->
    done = done | TURN;
    i = 0;
    do
    :: i < M -> at[i] = 0; i++
    :: else -> break
    od;
    turn++; then = HEAD_
  :: else
  fi;
  if
  :: then == HEAD_ ->
    closeMain();
    if
    :: turn < D && tooLate -> place = HEAD; finish(CLOSED)
    :: turn < D && !tooLate -> place = HEAD; doing = ASK_TURN; then = 0
    :: turn == D && over -> place = FAILBACK; doing = ASK_BACK; then = 0
    :: turn == D && !over -> place = END; finish(COMPLETED)
    fi
  :: then == STOPS_ ->
    if
    :: over || tooLate -> ok = 1
    :: else ->
      VOTES(seen & ~TURN);
      ok = (n >= NEED && !(unverified & ~TURN));
      if
      :: ok -> guards = 0; allows = 0; age = 0; seen = 0
      :: else -> assert(guards & (unverified & ~TURN -> G_VERIFIED : G_QUORUM)) /* guard-verified, guard-quorum */
      fi
    fi;
    closeMain();
    if
    :: ok && !tooLate -> place = STOPS; then = EACH_
    :: else ->
      i = 0;
      do
      :: i < M -> at[i] = STOP; st[i] = HELD; i++
      :: else -> break
      od;
      place = UPGRADES;
      if
      :: tooLate -> finish(CLOSED)
      :: else -> ending = FAILED; then = END_
      fi
    fi
  :: else
  fi;
  if
  :: then == EACH_ || then == ACT_ ->
    i = 0;
    do
    :: i < M ->
      if
      :: then == EACH_ && st[i] == IDLE && place == VERIFIES -> at[i] = VERIFY; try[i] = 1; verify(i)
      :: (then == ACT_ && i == next) || (then == EACH_ && st[i] == IDLE && place != VERIFIES) ->
        if
        :: then == EACH_ -> at[i] = place + 1; e = WITHIN(at[i])
        :: else
        fi;
        act(i, e)
      :: else
      fi;
      i++
    :: else -> break
    od;
    doing = TASKS; then = 0
  :: then == HOLD_ ->
    place = HOLD; doing = HOLDING;
    truth();
    mtakes = (insufficient -> 7201 : 1200 + (rebuild + 59) / 60 * 60);   /* it reads once a minute */
    if :: mtakes > 7200 -> mtakes = 7200; mlate = 1 :: else fi;
    mrest = mtakes; then = 0
  :: then == FAILOVER_ -> closeMain(); place = FAILOVER; e = 3600; then = MAIN_
  :: else
  fi;
  if
  :: then == MAIN_ ->
    doing = ACT;
    mtakes = INSIDE(place, e);
    mlim = e;
    mbeyond = (HIGH(place) > e);
    mbars = (place == FAILOVER && noQuorum);
    if :: mtakes > e -> mtakes = e; mlate = 1; mlim = 0 :: else fi;
    mrest = mtakes
  :: then == FAIL_ -> closeMain(); ending = FAILED; doing = NOTIFY; mrest = 3; mtakes = 3; mlim = 30
  :: then == END_ -> clearMain(); mbeyond = 0; doing = NOTIFY; mrest = 3; mtakes = 3; mlim = 30
  :: doing == NOTHING -> clearMain()
  :: else
  fi
}

inline mainDelay(hang) {
  fault();
  if
  :: hang || (mlim && 3*mtakes > mlim) -> mhung = 1; mslow = 0; mrest = mlim - (mtakes - mrest); mtakes = mlim; mlim = 0
  :: else -> mslow = 1; mrest = 2*mtakes + mrest; mtakes = 3*mtakes
  fi
}

inline delay(k, hang) {
  fault();
  if
  :: hang || (lim[k] && 3*takes[k] > lim[k]) -> hung[k] = 1; slow[k] = (!hang && at[k] == RESTART); rest[k] = lim[k] - (takes[k] - rest[k]); takes[k] = lim[k]; lim[k] = 0
  :: else -> slow[k] = 1; rest[k] = 2*takes[k] + rest[k]; takes[k] = 3*takes[k]
  fi
}

inline toBound(left, long, limit, atBound) {
  e = (atBound -> left : limit - (long - left));
  if :: left > e -> e = left :: else fi
}

/* The books of the pool are put back for a stop that never began, or that failed before it did anything. */
inline neverBegun(k) {
  if :: wasUp[k] -> up = up | BIT(k) :: else -> up = up & ~BIT(k) fi;
  if :: wasOut[k] :: else -> out = out & ~BIT(k) fi
}

/* Where the servers that run are too few they stop all their services. */
inline lose() {
  who = RUNNING; i = 0;
  do
  :: i < M ->                          /* who is being stopped counts until he is: it may fail */
    if
    :: i == next && then == DONE_
    :: i == next && then == FAILED_ && limbo[i] == SURE
    :: (i != next || (then != DONE_ && (then != FAILED_ || limbo[i] != SURE))) &&
       wasUp[i] && at[i] <= STOP2 && !(dead & BIT(i)) && (st[i] == ACTING || limbo[i] == MAYBE || limbo[i] == BEGUN) -> who = who | BIT(i)
    :: else
    fi;
    i++
  :: else -> break
  od;
  VOTES(who);
  if
  :: !noQuorum && n < NEED ->
    noQuorum = 1; up = 0; waiting = 0; i = 0;
    do
    :: i < M -> wasUp[i] = 0; i++
    :: else -> break
    od
  :: else
  fi
}

inline die(s) {
  fault();
  dead = dead | (1 << s); waiting = waiting & ~(1 << s);
  unsettle(); justDied = 1;
  if
  :: s / M == turn ->
    if :: doing == TASKS && st[s % M] == ACTING && at[s % M] != VERIFY -> struck[s % M] = 1; stuck[s % M] = 0 :: else fi;
    if :: limbo[s % M] == RISING -> limbo[s % M] = SURE; rise[s % M] = 0; wasUp[s % M] = 0; wasOut[s % M] = 0; beyond[s % M] = 0 :: else fi
  :: else
  fi;
  if
  :: doing == HOLDING && !mlate ->       /* it begins anew, just before its end at worst */
    mtakes = mtakes + 1200 + 720; mrest = mrest + 1200 + 720;
    if :: mtakes > 7200 -> mrest = mrest - (mtakes - 7200); mtakes = 7200; mlate = 1 :: else fi
  :: else
  fi
}

/* What must hold. After a failover nobody is left to protect. */
inline judge() {
  who = (out | sick) & ~dead;          /* out of service by what is done to them */
  if
  :: !over ->
    VOTES(RUNNING);
    assert(n >= NEED);                 /* quorum */
    if
    :: who ->
      i = 0; c = 0;
      do
      :: i < D ->
        members = ((1 << M) - 1) << (i*M);
        if :: who & members -> c++ :: else fi;
        assert(!rebuild || !(fresh & members) || (who & members)); /* service */
        i++
      :: else -> break
      od;
      assert(c == 1);                  /* one-domain */
      keepsGroups(ALL, who, ok);
      assert(ok)                       /* service */
    :: else
    fi
  :: else
  fi;
  assert(doing != TASKS || next < M);  /* run-ends */
  if
  :: doing == NOTHING ->
    assert(!(out & ~(dead | down)));   /* down-named */
    assert(!over || ending != COMPLETED) /* failed-back */
  :: else
  fi
}

/* The end of a transition: who is next, and what can be read. */
inline settle() {
  lose();
  advance();
  lose();
  insufficient = 0; mayStop = 0; keepsQuorum = 0; refused = 0; lastOne = 0; critical = 0;
  who = RUNNING;
  if
  :: doing != NOTHING && !noQuorum && faults ->
    VOTES(who);
    critical = (n < NEED -> ALL : (n == NEED -> who & VOTING : 0))
  :: else
  fi;
  if
  :: doing == TASKS ->
    next = M; i = 0; live = 0;
    do
    :: i < M ->
      if
      :: st[i] >= ACTING && st[i] <= PAUSING -> live++; if :: next == M || rest[i] < rest[next] -> next = i :: else fi
      :: else
      fi;
      i++
    :: else -> break
    od;
    lastOne = (live == 1)
  :: else ->
    next = M;
    if
    :: doing == READ || doing == HOLDING -> truth()
    :: doing == ACT && place == FAILBACK -> COUNT(who, n); refused = (n < STARTS)
    :: doing == ACT && place == FAILOVER -> refused = mbars
    :: else
    fi
  fi;
  judge();
  then = 0; tooLate = 0; spent = 0; slack = 0
}

/* What can happen next: guards, and what some of them need that inlines share. */
#define MAIN       (next == M && doing != NOTHING)
#define SERVER     (next < M)
#define GONE       (dead & BIT(next))
#define UP         (RUNNING & BIT(next))
#define ACTS       (SERVER && st[next] == ACTING && at[next] != VERIFY)
#define GOES_ON    (!hung[next] && !late[next] && !stuck[next])
#define CHECKS     (SERVER && st[next] == ACTING && at[next] == VERIFY)
#define LOOKS      (SERVER && st[next] == LOOKING)
#define MACTS      (MAIN && doing == ACT)
#define MGOES_ON   (!refused && !mhung && !mlate)
#define MLOOKS     (MAIN && doing == LOOK)
#define PERHAPS    (place == FAILBACK && cond == SAYS_INSUFFICIENT)
#define READS      (MAIN && doing == READ)
#define LIES       (READS && cond == TRUTHFUL && faults > 0)
#define SENDS      (MAIN && doing == NOTIFY)
#define HOLDS      (MAIN && doing == HOLDING)
#define MORE       (turn + 1 < D)                  /* turns, so that the window is asked for */
#define NOTICED    (next == M -> (passed || doing <= READ || doing == LOOK || doing == HOLDING || doing == ASK_BACK || (doing == ACT && place == FAILBACK)) : st[next] == LOOKING)
#define BETWEEN(s) ((s)/M == turn && ((MAIN && doing == ACT && place == FAILOVER) || (SERVER && lastOne && st[next] != PAUSING)))
#define DIES(s)    :: d_step { doing != NOTHING && faults > 0 && !(dead & (1 << (s))) && (NOTICED || (SERVER && turn*M + next == (s)) || (critical & (1 << (s))) || BETWEEN(s)) -> die(s) }

inline now(s) { e = s; pass(e) }

/* … after an action that was done, and might have been quicker; or that failed or broke off, which may be at once. */
#define LEAST(p)   (p == VERIFY -> 5 : LOW(p))
#define QUICK      (at[next] <= STOP2 && (over || (stopped & BIT(next))))
inline ends(did) {
  slack = (did && !QUICK -> takes[next] - LEAST(at[next]) * (slow[next] -> 3 : 1) : takes[next]);
  if :: hung[next] || late[next] -> slack = 0 :: else fi;
  now(rest[next])
}
inline mainEnds(did, least) {
  slack = (did -> mtakes - least * (mslow -> 3 : 1) : mtakes);
  if :: mhung || mlate -> slack = 0 :: else fi;
  now(mrest)
}

inline reads(w, m) { justDied = 0; what = w; mine = m; then = READ_ }

inline lies(c) { fault(); cond = c }

/* Nobody answers for ten minutes: the next reading is due at once. */
inline late10() { slack = 600; e = 600; pass(e); spent = 600; reads(R_UNREAD, 0) }

inline says() {
  if
  :: cond == SAYS_BUSY -> reads(R_BUSY, 0)
  :: cond == SAYS_INSUFFICIENT -> reads(R_INSUFFICIENT, 0)
  :: cond == SAYS_FALSE -> reads((insufficient -> R_INSUFFICIENT : R_READY), 0)
  :: cond == SAYS_GARBLED -> reads(R_GARBLED, 0)
  :: cond == SAYS_NOTHING -> reads(R_UNREAD, 0)
  :: cond == SAYS_READY -> reads(R_READY, 1)
  :: cond == SAYS_LATE -> late10()
  fi
}

inline truly() {
  cond = TRUTHFUL; rebuild = 0; fresh = 0;
  reads((insufficient -> R_INSUFFICIENT : R_READY), mayStop)
}

#define BENT       (!mlate && !insufficient && (faults > 0 || cond != TRUTHFUL))
inline bends() { if :: cond == TRUTHFUL -> fault(); cond = SAYS_BUSY :: else fi }

inline held() {
  now(mrest);
  rebuild = 0; fresh = 0; cond = TRUTHFUL;
  passed = mayStop;
  if :: passed -> guards = guards & G_QUORUM :: else fi;
  then = CLOSE_
}

inline verified() { ends(1); sick = sick & ~BIT(next); then = DONE_ }

inline notVerified() {
  if
  :: try[next] >= 10 -> then = FAILED_
  :: else -> x = 60 - since[next]; clear(next); st[next] = PAUSING; rest[next] = x; takes[next] = x
  fi
}

#define OVERDUE(k) (bound[k] || since[k] >= WITHIN(at[k]))
#define MOVERDUE   (mbound || msince >= WITHIN(place))
#define LATE       tooLate = 1

active proctype night() {
end:
  do
  :: atomic {
    if
  /* a look at the pool */
  :: d_step { MAIN && doing == ASK_START -> justDied = 0; turn = 0; then = HEAD_ }
  :: d_step { MAIN && doing == ASK_START -> justDied = 0; turn = 0; LATE; then = HEAD_ }
  :: d_step { MAIN && doing == ASK_TURN -> justDied = 0; then = BEGIN_ }
  :: d_step { MAIN && doing == ASK_TURN && over -> justDied = 0; LATE; then = BEGIN_ }
  :: d_step { MAIN && (doing == ASK_START || doing == ASK_TURN || doing == ASK_BACK) && faults > 0 -> justDied = 0; fault(); then = FAIL_ }
  :: d_step { MAIN && doing == ASK_BACK -> justDied = 0; e = 7200; then = MAIN_ }

  /* the readiness */
  :: d_step { READS && cond != TRUTHFUL -> says() }
  :: d_step { READS && cond == SAYS_READY && RUNNING -> LATE; says() }
  :: d_step { READS -> truly() }
  :: d_step { READS && mayStop -> LATE; truly() }
  :: d_step { READS && rebuild > 0 -> reads((insufficient -> R_INSUFFICIENT : R_BUSY), 0) }
  :: d_step { LIES -> lies(SAYS_BUSY); reads(R_BUSY, 0) }
  :: d_step { LIES -> lies(SAYS_INSUFFICIENT); reads(R_INSUFFICIENT, 0) }
  :: d_step { LIES && mayStop -> lies(SAYS_FALSE); reads(R_READY, 0) }
  :: d_step { LIES -> lies(SAYS_GARBLED); reads(R_GARBLED, 0) }
  :: d_step { LIES -> lies(SAYS_NOTHING); reads(R_UNREAD, 0) }
  :: d_step { LIES && rebuild == 0 && !keepsQuorum -> lies(SAYS_READY); reads(R_READY, 1) }
  :: d_step { LIES && rebuild == 0 && !keepsQuorum && RUNNING -> lies(SAYS_READY); LATE; reads(R_READY, 1) }
  :: d_step { LIES -> lies(SAYS_LATE); late10() }
  :: d_step { MAIN && doing == PAUSE -> now(mrest); tries++; doing = READ; clearMain() }

  /* a failover or failback */
  :: d_step { MACTS && MGOES_ON -> mainEnds(1, LOW(place)); then = BACK_ }
  :: d_step { MACTS && MGOES_ON && place == FAILOVER -> mainEnds(1, LOW(place)); LATE; then = BACK_ }
  :: d_step { MACTS && !refused && (mhung || mlate || (!mslow && mbeyond)) ->
       toBound(mrest, mtakes, mlim, (mhung || mlate)); pass(e); mlimbo = BEGUN; mbound = 1; clearMain(); doing = LOOK }
  :: d_step { MACTS && (refused || (MGOES_ON && (PERHAPS || faults > 0))) ->
       mainEnds(0, 0); if :: refused || PERHAPS :: else -> fault() fi; mlimbo = SURE; then = FAIL_ }
  :: d_step { MACTS && MGOES_ON && faults > 0 -> mainEnds(0, 0); fault(); mlimbo = MAYBE; clearMain(); doing = LOOK }
  :: d_step { MACTS && MGOES_ON && faults > 0 && !mslow -> mainDelay(0) }
  :: d_step { MACTS && MGOES_ON && faults > 0 -> mainDelay(1) }
  /* … how it ended */
  :: d_step { MLOOKS -> justDied = 0; then = BACK_ }
  :: d_step { MLOOKS && place == FAILOVER -> justDied = 0; LATE; then = BACK_ }
  :: d_step { MLOOKS && mlimbo == MAYBE -> justDied = 0; mlimbo = SURE;
       if
       :: MOVERDUE || mstarts >= 3 -> then = FAIL_
       :: else -> mstarts++; e = WITHIN(place) - msince; then = MAIN_
       fi }
  :: d_step { MLOOKS -> justDied = 0; mlimbo = BEGUN;
       if
       :: MOVERDUE -> ending = IN_DOUBT; then = END_
       :: else -> doing = ACT; mlim = WITHIN(place) - msince
       fi }
  :: d_step { MLOOKS -> justDied = 0; mlimbo = SURE; then = FAIL_ }
  :: d_step { MLOOKS -> justDied = 0; ending = IN_DOUBT; then = END_ }

  /* hold ready */
  :: d_step { HOLDS && !insufficient -> held() }
  :: d_step { HOLDS && !insufficient && MORE -> LATE; held() }
  :: d_step { HOLDS && (mlate || insufficient) -> toBound(mrest, mtakes, 7200, mlate); pass(e); then = FAIL_ }
  :: d_step { HOLDS && BENT -> toBound(mrest, mtakes, 7200, 0); bends(); pass(e); then = FAIL_ }
  :: d_step { HOLDS && BENT -> toBound(mrest, mtakes, 7200, 0); bends(); mrest = e; held() }
  :: d_step { HOLDS && BENT && MORE -> LATE; toBound(mrest, mtakes, 7200, 0); bends(); mrest = e; held() }

  /* on failure: notify */
  :: d_step { SENDS && !mhung -> mainEnds(1, 1); finish(ending) }
  :: d_step { SENDS && mhung -> now(mrest); finish(ending) }
  :: d_step { SENDS && !mhung && faults > 0 -> mainEnds(0, 0); fault(); finish(ending) }
  :: d_step { SENDS && !mhung && faults > 0 -> mainEnds(0, 0); fault(); finish(ending) }   /* nobody knows */
  :: d_step { SENDS && !mhung && faults > 0 && !mslow -> mainDelay(0) }
  :: d_step { SENDS && !mhung && faults > 0 -> mainDelay(1) }

  /* an action on a server: it is done, its bound passes, it fails, the connection breaks, it takes longer */
  :: d_step { ACTS && !GONE && GOES_ON ->
       ends(1);
       ok = 1;
       if
       :: at[next] == RESTART && noQuorum -> VOTES(waiting | BIT(next)); ok = (n >= NEED); x = waiting | BIT(next); COUNT(x, n); ok = (ok && n >= STARTS)
       :: else
       fi;
       if
       :: ok -> then = DONE_
       :: else ->                      /* until its bound passes, of which more may be gone than it took: its end may be overdue */
         stopped = stopped & ~BIT(next); waiting = waiting | BIT(next); stuck[next] = 1;
         rest[next] = lim[next] - (takes[next] - rest[next]); takes[next] = lim[next]
       fi }
  :: d_step { ACTS && (GONE -> (struck[next] && at[next] == RESTART) : (!GOES_ON || (!slow[next] && beyond[next]))) ->
       toBound(rest[next], takes[next], lim[next], !GOES_ON); c = takes[next] - rest[next] + e; pass(e);
       if
       :: !GONE && at[next] == STOP && !hung[next] -> unsettle(); rebuild = rebuild + (2400 > c -> 2400 - c : 0)
       :: !GONE && at[next] == RESTART ->
         stopped = stopped & ~BIT(next);
         if
         :: stuck[next]
         :: else ->
           limbo[next] = RISING;
           rise[next] = (hung[next] -> (slow[next] -> 2700 - c : NEVER) : 900 - c)
         fi
       :: else
       fi;
       if
       :: at[next] == UPGRADE -> limbo[next] = BEGUN; bound[next] = 1; clear(next); st[next] = LOOKING
       :: else -> then = FAILED_
       fi }
  :: d_step { ACTS && (GONE -> !struck[next] : (GOES_ON && faults > 0)) ->
       ends(0);
       if
       :: GONE
       :: else -> fault(); if :: at[next] <= STOP2 -> neverBegun(next) :: else fi
       fi;
       then = FAILED_ }
  :: d_step { ACTS && (GONE -> (struck[next] && at[next] != RESTART) : (GOES_ON && faults > 0)) ->
       ends(0);
       if :: struck[next] :: else -> fault() fi;
       limbo[next] = MAYBE; clear(next); st[next] = LOOKING }
  :: d_step { ACTS && !GONE && GOES_ON && faults > 0 && !slow[next] -> delay(next, 0) }
  :: d_step { ACTS && !GONE && GOES_ON && faults > 0 -> delay(next, 1) }
  /* … what a look says of it: done, never begun, still going, failed, nobody can tell */
  :: d_step { LOOKS && !GONE && !(noQuorum && at[next] == RESTART) -> now(rest[next]); then = DONE_ }
  :: d_step { LOOKS && !GONE && limbo[next] == MAYBE -> now(rest[next]);
       neverBegun(next); limbo[next] = SURE;
       if
       :: at[next] <= STOP2 && !wasTook[next] -> took = took & ~BIT(next); unverified = unverified & ~BIT(next); down = down & ~BIT(next)
       :: else
       fi;
       if
       :: OVERDUE(next) || starts[next] >= 3 -> then = FAILED_
       :: else -> starts[next]++; clear(next); e = WITHIN(at[next]) - since[next]; then = ACT_
       fi }
  :: d_step { LOOKS && (!GONE || at[next] == RESTART) -> now(rest[next]);
       if
       :: OVERDUE(next) ->
         limbo[next] = BEGUN;
         if
         :: at[next] == UPGRADE -> then = DOUBT_
         :: else -> then = FAILED_
         fi
       :: else -> limbo[next] = SURE; clear(next); st[next] = ACTING; lim[next] = WITHIN(at[next]) - since[next]; struck[next] = (GONE != 0)
       fi }
  :: d_step { LOOKS && !GONE -> now(rest[next]);
       if :: at[next] <= STOP2 -> neverBegun(next) :: else fi;
       limbo[next] = SURE; then = FAILED_ }
  :: d_step { LOOKS && (!GONE || at[next] != RESTART) -> now(rest[next]); then = DOUBT_ }

  /* verify, and the pause before it is tried again */
  :: d_step { CHECKS && UP -> verified() }
  :: d_step { CHECKS && UP && lastOne && !ending && over && MORE -> LATE; verified() }
  :: d_step { CHECKS && UP && ((sick & BIT(next)) || faults > 0) -> ends(1);
       if :: sick & BIT(next) :: else -> fault() fi;
       sick = sick | BIT(next); notVerified() }
  :: d_step { CHECKS && !UP -> ends(0); notVerified() }
  :: d_step { CHECKS && faults > 0 && !slow[next] -> delay(next, 0) }
  :: d_step { SERVER && st[next] == PAUSING -> now(rest[next]); clear(next); try[next]++; verify(next) }

  /* a server dies, and stays dead */
  DIES(0)
  DIES(1)
#if SERVERS > 2
  DIES(2)
#endif
#if SERVERS > 3
  DIES(3)
#endif
#if SERVERS > 4
  DIES(4)
#endif
#if SERVERS > 5
  DIES(5)
#endif
#if SERVERS > 6
  DIES(6)
  DIES(7)
#endif
#if SERVERS > 8
  DIES(8)
#endif
#if SERVERS > 9
  DIES(9)
#endif
#if SERVERS > 10
  DIES(10)
  DIES(11)
#endif
    fi;
    d_step { settle() }
  }
  od
}
