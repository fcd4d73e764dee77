/* Rotation: one session, whose token two tabs share. Answers are lost; a thief copies the token; the owner may
 * log out; Redis may fail over (-DFAILOVER).
 *
 * Bounds: 3 periods and what comes after the deadline, 2 lost answers, 1 theft, 2 uses of what was stolen,
 * 1 log-out. With a failover, to a copy of any age: 2 periods and 1 lost answer.
 */
#ifdef FAILOVER
#define PERIODS 1
#define LOSSES 1
#else
#define PERIODS LIFE
#define LOSSES 2
#endif
#define USES 2
#include "server.pml"

byte jar = 1;          /* the generation that the browser holds, */
byte got_at = 255;     /* and the period in which it got it: the first one is due for a refresh */
bool signed_out;       /* the browser was refused and has thrown it away */
byte losses;

/* A tab refreshes once a period, and again, with the same token, until it is answered. One tab also asks for the
 * user; what the other would be answered is the same. */
proctype Tab(mtype me) {
  REQUEST; byte token; bool again;
  do
  :: atomic { !signed_out && !again && got_at != now -> token = jar; unanswered++; again = true }
  :: again ->
     refresh(me, A, token);
     atomic {
       if
       :: answer != 0 -> jar = answer; got_at = issued_at; again = false
       :: answer != 0 && losses < LOSSES -> losses++; printf("@ %e loses the answer\n", me)
       :: answer == 0 -> signed_out = true; again = false
       fi;
       if
       :: !again -> unanswered--; token = 0
       :: else
       fi;
       answer = 0; issued_at = 0; ok = false
     }
  :: atomic { me == tab1 && !signed_out && !again && got_at == now -> in_flight++ };
     show_user(me, A);
     atomic { signed_out = signed_out || !ok; ok = false }
  :: signed_out && !again -> break
  od
}

proctype Thief() {
  REQUEST; byte token, uses;
  d_step { token = jar; issued_at = got_at; stolen = true; printf("@ thief steals %d\n", token) }
  do
  :: uses < USES -> uses++;
     if
     :: refresh(thief, A, token);
        atomic { if :: answer != 0 -> token = answer :: else fi; answer = 0; ok = false }
     :: atomic { issued_at == now -> in_flight++ }; show_user(thief, A); ok = false
     :: forge(thief, A, token + 2)
     fi
  :: uses == USES -> break
  od
}

proctype Owner() { end_current(owner, A) }

init {
  atomic {
    begin();
    run Tab(tab1); run Tab(tab2); run Thief(); run Owner(); run Time();
#ifdef FAILOVER
    run Failover()
#endif
  }
}
