/* The server: two stores, and what each verb does to them.
 *
 * Redis is volatile: a failover puts back what the replica had. Postgres is durable. Each d_step is one script,
 * one statement or one look-up; anything may happen between two of them. A request counts as invoked with its
 * first step: that claims more than the protocol promises.
 *
 * Each step prints one line that begins with `@`. Counter-examples (traces/) are made of these lines.
 */

#define A 0        /* the session of the owner's browser, which is there from the beginning */
#define B 1        /* the session that a phone logs in to */
#define NOBODY 2
#define LIFE 3     /* periods from a login to the absolute deadline */

/* A period is longer than the grace window, than an access token lives and than a request takes. */
byte now;
byte in_flight;    /* requests at the server */
byte unanswered;   /* requests that a client has not seen the answer of: it asks again within the period */

/* ---- Redis ---- */
typedef Session { bool alive; byte generation; byte epoch; byte rotated_at; byte deadline };
typedef Memory { Session session[2]; byte floor };   /* floor: the lowest epoch with which a session may start */
Memory redis, replica;
#define lives(s) (redis.session[s].alive && now < redis.session[s].deadline)

/* ---- Postgres ---- */
bool tombstone[2];
byte epoch;                  /* what a session started now carries */
byte moved_by = NOBODY;      /* the session that last raised it */
bool kept; byte before;      /* whether that one stays valid, and what it must carry then */
#define required(s) ((kept && moved_by == s) -> before : epoch)

/* ---- What happened. The server never reads this. ---- */
bool acknowledged[2];        /* the end of this session was answered with success */
bool ended[2];               /* somebody who may has ended it */
byte proven[2];              /* the epoch at the time of its login */
bool stolen, failed_over;
byte failed_over_at;
byte successor[10];          /* of each generation of A; 0: it has not advanced */

/* ---- The properties. -DWATCHED=S1+S3 checks only some. ---- */
#define S1 1                 /* nothing succeeds that was invoked after an acknowledged end */
#define S2 2                 /* a generation advances at most once */
#define S3 4                 /* a generation has at most one distinct successor */
#define S4 8                 /* the generation never decreases */
#define S5 16                /* only a valid tag changes state */
#define S6 32                /* nothing succeeds after the absolute deadline */
#define L1 64                /* who behaves is refused for a cause only, whatever answers are lost */
#ifndef WATCHED
#define WATCHED S1+S2+S3+S4+S5+S6+L1
#endif
byte broken;
#define breaks(property, when) broken = broken | ((((WATCHED) & property) && (when)) -> property : 0)
ltl held { [] (broken == 0) }

mtype = { tab1, tab2, thief, owner, phone };

/* What a process knows of the one request that it is waiting for, and when it was given its access token. */
#define REQUEST byte answer, lowest, carried, issued_at; bool late, ok, reused, doubt

inline arrives(s) { late = acknowledged[s]; ok = false; reused = false; answer = 0 }
inline leaves() { in_flight--; late = false; lowest = 0; carried = 0; reused = false }
inline succeeds(s) {
  ok = true;
  breaks(S1, late);
  breaks(S6, s == A && now >= LIFE)
}
inline refuses(s) {
  ok = false;
  answer = 0;
  breaks(L1, !(ended[s] || stolen || now >= LIFE))
}
inline told() {
  if
  :: answer != 0 -> printf("gets %d\n", answer)
  :: else -> printf("is refused\n")
  fi
}

/* ---- sessions/lua/rotate.lua ---- */
inline advance(s, g) {
  breaks(S2, (s == A && successor[g] != 0));
  redis.session[s].generation++;
  redis.session[s].rotated_at = now;
#ifdef SLIDING_DEADLINE
  redis.session[s].deadline = now + LIFE;
#endif
  answer = redis.session[s].generation
}
inline rotate(s, g) {
  if
  :: !lives(s) || redis.session[s].epoch < lowest -> answer = 0
  :: else ->
     if
     :: g == redis.session[s].generation -> advance(s, g)
#ifndef NO_GRACE
     :: g + 1 == redis.session[s].generation && redis.session[s].rotated_at == now ->
        answer = redis.session[s].generation
#endif
     :: else -> redis.session[s].alive = false; reused = true; answer = 0
     fi
  fi
}
inline judge(s, g) {
  if
  :: answer == 0 -> refuses(s)
  :: else ->
     succeeds(s); issued_at = now;
     if
     :: s == A ->
        breaks(S3, successor[g] != 0 && successor[g] != answer);
        breaks(S4, answer <= g);
        successor[g] = answer
     :: else
     fi
  fi
}

/* ---- flows/refresh.py: what was durably ended, then one script. The answer is still on its way. ---- */
inline refresh(me, s, g) {
  d_step {
    in_flight++; arrives(s); ok = !tombstone[s]; lowest = required(s);
    printf("@ %e refresh %d: asks Postgres\n", me, g)
  }
  if
  :: !ok -> d_step {
       redis.session[s].alive = false; refuses(s); leaves();
       printf("@ %e refresh %d: asks Redis, is refused\n", me, g)
     }
  :: else ->
#ifdef CHECK_THEN_SET
     d_step {   /* the session is read, and judged here */
       ok = lives(s) && redis.session[s].epoch >= lowest && g == redis.session[s].generation;
       carried = redis.session[s].epoch;
       printf("@ %e refresh %d: reads Redis\n", me, g)
     }
     d_step {   /* the generation is counted up, and the other fields are written as they were read */
       if
       :: !ok -> rotate(s, g)
       :: ok && lives(s) -> advance(s, g)
       :: else ->
          redis.session[s].alive = true; redis.session[s].epoch = carried; redis.session[s].generation = 0;
          advance(s, g)
       fi;
       judge(s, g); leaves_unless_reused();
       printf("@ %e refresh %d: asks Redis, ", me, g); told()
     }
#else
     d_step {
       rotate(s, g); judge(s, g); leaves_unless_reused();
       printf("@ %e refresh %d: asks Redis, ", me, g); told()
     }
#endif
     if
     :: reused -> d_step {
#ifndef NO_TOMBSTONE
          tombstone[s] = true;
#endif
          leaves();
          printf("@ %e refresh %d: makes the end durable\n", me, g)
        }
     :: else
     fi
  fi
}
inline leaves_unless_reused() {
  if
  :: reused
  :: else -> leaves()
  fi
}

/* ---- A genuine secret with a generation that the service never signed: refused before any I/O. ---- */
inline forge(me, s, g) {
  d_step {
    printf("@ %e forge %d: is refused\n", me, g);
#ifdef NO_TAG
    in_flight++; arrives(s); lowest = required(s);
    breaks(S5, !tombstone[s] && lives(s) && redis.session[s].epoch >= lowest);
    if
    :: !tombstone[s] -> rotate(s, g)
    :: else
    fi;
    answer = 0; leaves()
#endif
  }
}

/* ---- flows/find_session.py: one look-up. Postgres too while access tokens of before a failover live.
 * Who sends this counts it in in_flight, for the access token must still be good when it arrives. ---- */
#ifdef NO_DOUBT
#define in_doubt false
#else
#define in_doubt (failed_over && failed_over_at == now)
#endif
inline show_user(me, s) {
  d_step {
    arrives(s); ok = lives(s); doubt = ok && in_doubt;
    if
    :: doubt -> carried = redis.session[s].epoch; printf("@ %e show_user: asks Redis\n", me)
    :: else -> printf("@ %e show_user: asks Redis, ", me); look_is_over(s)
    fi
  }
  if
  :: doubt -> d_step {
       doubt = false;
       ok = !tombstone[s] && carried >= required(s);
       redis.session[s].alive = redis.session[s].alive && ok;
       printf("@ %e show_user: asks Postgres, ", me); look_is_over(s)
     }
  :: else
  fi
}
inline look_is_over(s) {
  if
  :: ok -> succeeds(s); printf("is answered\n")
  :: else -> refuses(s); printf("is refused\n")
  fi;
  leaves()
}

/* ---- flows/log_in.py: a password is proven against a row; later one script starts the session. ---- */
inline log_in(me, s) {
  ok = false;
  do
  :: ok -> break
  :: else ->
     d_step {
       in_flight++; lowest = epoch; proven[s] = epoch; acknowledged[s] = false; ended[s] = false;
       printf("@ %e log_in: proves the password\n", me)
     }
     d_step {
       if
#ifndef NO_FLOOR
       :: lowest < redis.floor -> printf("@ %e log_in: asks Redis, must prove it again\n", me)
#endif
       :: else ->
          ok = true; redis.session[s].alive = true; redis.session[s].generation = 1;
          redis.session[s].epoch = lowest; redis.session[s].rotated_at = now;
          redis.session[s].deadline = now + LIFE; issued_at = now;
          printf("@ %e log_in: asks Redis, is signed in\n", me)
       fi;
       in_flight--; lowest = 0
     }
  od
}

/* ---- flows/log_out.py, this session: durable first, then gone, then answered. ---- */
inline end_current(me, s) {
  d_step {
    in_flight++; ended[s] = true;
#ifndef NO_TOMBSTONE
    tombstone[s] = true;
#endif
    printf("@ %e log_out current: asks Postgres\n", me)
  }
  d_step {
    in_flight--; redis.session[s].alive = false; acknowledged[s] = true;
    printf("@ %e log_out current: asks Redis, is answered\n", me)
  }
}

/* ---- flows/log_out.py, the others or all; a password change ends the others in the same way. ---- */
inline end_many(me, s, keep) {
  d_step {
    in_flight++; arrives(s); ok = lives(s); carried = redis.session[s].epoch; scope(me, keep); printf("looks up\n")
  }
  d_step {
    answer = 0;
    if
    :: moved_by == s && !kept && !keep -> answer = epoch; ok = false   /* it is done, durably at least */
    :: else -> ok = ok && !tombstone[s] && carried >= required(s)
    fi;
    scope(me, keep); printf("asks Postgres\n")
  }
  if
  :: answer == 0 && ok -> d_step {
#ifdef NO_KEPT
       before = 0; kept = false;
#else
       before = (keep -> required(s) : 0); kept = keep;
#endif
       epoch++; moved_by = s; answer = epoch;
       ended[s] = ended[s] || !keep; ended[1 - s] = ended[1 - s] || proven[1 - s] < epoch;
       scope(me, keep); printf("raises the epoch\n")
     }
  :: else
  fi;
  d_step {
    if
    :: answer == 0 -> refuses(s); scope(me, keep); printf("is refused\n")
    :: else ->   /* sessions/lua/end_all.lua */
       end_below(s, keep); end_below(1 - s, false);
       redis.floor = (redis.floor < answer -> answer : redis.floor);
       if
       :: ok -> succeeds(s)
       :: else -> ok = true; late = false   /* asked for again: nothing happened that had not */
       fi;
       acknowledged[s] = acknowledged[s] || (!keep && proven[s] < answer);
       acknowledged[1 - s] = acknowledged[1 - s] || proven[1 - s] < answer;
       scope(me, keep); printf("asks Redis, is answered\n")
    fi;
    answer = 0; leaves()
  }
}
inline end_below(s, keep) {
  if
  :: !keep -> redis.session[s].alive = redis.session[s].alive && redis.session[s].epoch >= answer
#ifdef MOVES_KEPT
  :: keep && redis.session[s].epoch < answer -> redis.session[s].epoch = answer
#endif
  :: else
  fi
}
inline scope(me, keep) {
  if
  :: keep -> printf("@ %e log_out others: ", me)
  :: else -> printf("@ %e log_out all: ", me)
  fi
}

/* ---- Time, and what befalls Redis ---- */
proctype Time() {
  do
  :: d_step { now < PERIODS && in_flight == 0 && unanswered == 0 -> now++; printf("@ time passes\n") }
  od
}

inline copy(from, to) {
  copy_session(from.session[A], to.session[A]); copy_session(from.session[B], to.session[B]);
  to.floor = from.floor
}
inline copy_session(from, to) {
  to.alive = from.alive; to.generation = from.generation; to.epoch = from.epoch;
  to.rotated_at = from.rotated_at; to.deadline = from.deadline
}
inline forget(it) {   /* it plays no part any more, and states that differ in it alone are one */
  it.alive = false; it.generation = 0; it.epoch = 0; it.rotated_at = 0; it.deadline = 0
}

inline begin() {
  redis.session[A].alive = true; redis.session[A].generation = 1; redis.session[A].deadline = LIFE
}
proctype Failover() {
  d_step { copy(redis, replica); printf("@ replica copies\n") }
  d_step {
    breaks(S4, replica.session[A].generation < redis.session[A].generation);
    copy(replica, redis); failed_over = true; failed_over_at = now;
    forget(replica.session[A]); forget(replica.session[B]); replica.floor = 0;
    printf("@ replica takes over\n")
  }
}
