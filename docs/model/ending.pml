/* Ending: two sessions of one user. The owner's browser ends sessions while it refreshes; a phone logs in, and may
 * end sessions itself at the same moment; Redis may fail over (-DFAILOVER).
 *
 * Bounds: 2 periods; 2 refreshes of the browser (1 with a failover), 1 of the phone; 1 end by each, the owner's of
 * all asked for again once if its answer is lost; 1 login, as often as the password must be proven again; 1 failover
 * to a copy of any age.
 */
#define PERIODS 1
#ifdef FAILOVER
#define REFRESHES 1
#else
#define REFRESHES 2
#endif
#include "server.pml"

proctype Browser() {
  REQUEST; byte token = 1, refreshes; bool signed_out;
  do
  :: !signed_out && refreshes < REFRESHES -> refreshes++;
     refresh(tab1, A, token);
     atomic { if :: ok -> token = answer :: else -> signed_out = true fi; answer = 0; ok = false }
  :: atomic { !signed_out && issued_at == now -> in_flight++ };
     show_user(tab1, A);
     atomic { signed_out = !ok; ok = false }
  :: signed_out -> break
  od
}

proctype Owner() {
  REQUEST;
  if
  :: end_current(owner, A)
  :: end_many(owner, A, true)
  :: end_many(owner, A, false);
     if
     :: ok -> printf("@ owner loses the answer\n"); end_many(owner, A, false)
     :: true
     fi
  fi
}

proctype Phone() {
  REQUEST; byte token = 1; bool refreshed, asked, signed_out;
  log_in(phone, B);
  ok = false;
  do
  :: !signed_out && !refreshed -> refreshed = true;
     refresh(phone, B, token);
     atomic { if :: ok -> token = answer :: else -> signed_out = true fi; answer = 0; ok = false }
  :: atomic { !signed_out && issued_at == now -> in_flight++ };
     show_user(phone, B);
     atomic { signed_out = !ok; ok = false }
  :: !signed_out && !asked -> asked = true;
     if
     :: end_many(phone, B, true)
     :: end_many(phone, B, false)
     fi;
     ok = false
  :: signed_out -> break
  od
}

init {
  atomic {
    begin();
    run Browser(); run Owner(); run Phone(); run Time();
#ifdef FAILOVER
    run Failover()
#endif
  }
}
