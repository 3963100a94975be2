/*
 * Timers. The scheduler tells of an expiry outside its lock, so by then the
 * timer may have been set anew: an expiry before the deadline means nothing.
 */
#include "kernel/object/timer.h"

#include "kernel/mm/account.h"
#include "kernel/port/cpu.h"
#include "kernel/sched/trace.h"

/* Takes the alarm out of its heap. */
static void
alarm_cancel_locked(struct timer *timer)
{
	timer->is_set = false;
	if (sched_timer_cancel(&timer->alarm))
		object_put(&timer->object);
}

static void
alarm_set_locked(struct timer *timer)
{
	timer->is_set = true;
	object_get(&timer->object);
	sched_timer_set(&timer->alarm, timer->deadline_ns);
}

/* The deadline has passed: signals, and goes on to the next one. */
static void
expire_locked(struct timer *timer, uint64_t now_ns)
{
	uint64_t missed;

	timer->is_set = false;
	timer->expirations++;
	if (timer->period_ns) {
		missed = (now_ns - timer->deadline_ns) / timer->period_ns;
		timer->expirations += missed;
		timer->deadline_ns += (missed + 1) * timer->period_ns;
		alarm_set_locked(timer);
	}
	trace(NB_TRACE_TIMER, 0, 0, timer->object.id);
	object_signals_change(&timer->object, 0, NB_SIGNAL_SIGNALED);
}

static void
alarm_expired(struct sched_timer *alarm)
{
	struct timer *timer = list_entry(alarm, struct timer, alarm);
	uint64_t now_ns = port_time_monotonic_ns();

	spinlock_lock(&timer->lock);
	if (timer->is_set && !timer->is_gone && !sched_timer_is_set(alarm) &&
	    now_ns >= timer->deadline_ns)
		expire_locked(timer, now_ns);
	spinlock_unlock(&timer->lock);
}

static void
alarm_told(struct sched_timer *alarm)
{
	object_put(&list_entry(alarm, struct timer, alarm)->object);
}

enum nb_status
timer_set(struct timer *timer, int64_t deadline_ns, uint64_t period_ns)
{
	uint64_t now_ns = port_time_monotonic_ns();

	if (period_ns && period_ns < NB_TIMER_PERIOD_MIN)
		return NB_OUT_OF_RANGE;
	spinlock_lock(&timer->lock);
	alarm_cancel_locked(timer);
	object_signals_change(&timer->object, NB_SIGNAL_SIGNALED, 0);
	timer->period_ns = period_ns;
	timer->expirations = 0;
	timer->deadline_ns = deadline_ns < 0 ? 0 : (uint64_t)deadline_ns;
	if (timer->deadline_ns <= now_ns) {
		/* Not as many expirations as since the clock began. */
		timer->deadline_ns = now_ns;
		expire_locked(timer, now_ns);
	} else if (deadline_ns != INT64_MAX) {
		alarm_set_locked(timer);
	}
	spinlock_unlock(&timer->lock);
	return NB_OK;
}

static void
timer_handles_gone(struct object *object)
{
	struct timer *timer = timer_of(object);

	spinlock_lock(&timer->lock);
	timer->is_gone = true;
	alarm_cancel_locked(timer);
	spinlock_unlock(&timer->lock);
}

static enum nb_status
timer_info(struct object *object, uint32_t topic, struct object_info *out)
{
	struct timer *timer = timer_of(object);
	struct nb_timer_info info;

	if (topic != NB_INFO_TIMER)
		return NB_NOT_SUPPORTED;
	spinlock_lock(&timer->lock);
	info = (struct nb_timer_info){
		.deadline_ns = timer->is_set ? timer->deadline_ns : (uint64_t)INT64_MAX,
		.period_ns = timer->period_ns,
		.expirations = timer->expirations,
	};
	spinlock_unlock(&timer->lock);
	object_info_set(out, &info, sizeof info);
	return NB_OK;
}

const struct object_type timer_type = {
	.number = NB_OBJECT_TIMER,
	.rights = NB_RIGHT_WRITE | NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER | NB_RIGHT_SIGNAL |
		  NB_RIGHT_WAIT | NB_RIGHT_MANAGE | NB_RIGHT_INSPECT,
	.settable_signals = NB_SIGNAL_SIGNALED,
	.destroy = object_free,
	.handles_gone = timer_handles_gone,
	.info = timer_info,
};

enum nb_status
timer_object_create(struct account *account, struct timer **out)
{
	struct timer *timer = timer_of(object_alloc(&timer_type, sizeof *timer, account));

	if (!timer)
		return NB_OUT_OF_MEMORY;
	spinlock_init(&timer->lock, LOCK_RANK_TIMER);
	sched_timer_init(&timer->alarm, alarm_expired, alarm_told, account_budget(account));
	*out = timer;
	return NB_OK;
}
