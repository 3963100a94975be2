/*
 * The session server: runs the one program that etc/run names, for the host
 * tool at the other end of the link.
 *
 * One loop waits for everything that can happen. The program's streams are
 * moved only as far as the other side granted, so no buffer overflows and a
 * slow reader slows the program only.
 *
 *   PUBLISHING  the module is being compiled; progress goes to the host
 *   RUNNING     the program runs
 *   DRAINING    it has ended; what its streams still hold is sent
 *   ENDED       EXIT is sent
 */
#ifndef USER_SERVERS_SESSION_SESSION_H
#define USER_SERVERS_SESSION_SESSION_H

#include "user/libs/archive/archive.h"
#include "user/libs/launch/launch.h"
#include "user/libs/log/log.h"
#include "user/servers/session/link.h"

enum session_state { SESSION_PUBLISHING, SESSION_RUNNING, SESSION_DRAINING, SESSION_ENDED };

struct session {
	enum session_state state;
	struct link link;
	uint32_t ramdisk;
	struct log_follower log;
	uint32_t module;  /* of the program */
	uint32_t process; /* valid from RUNNING on */
	struct launch launch;
	uint32_t services; /* for the program, or NB_HANDLE_NONE */
	struct launch_streams streams;
	uint32_t granted[4];	       /* by stream number: bytes that may still be sent */
	uint8_t input[NB_LINK_WINDOW]; /* ring: STDIN bytes for the program */
	uint32_t input_at;
	uint32_t input_len;
	uint32_t input_taken; /* bytes the program took that are not granted again yet */
	bool input_ended;
	uint64_t file_at;   /* where the rest of etc/stdin stands in the RAM disk */
	uint64_t file_left; /* its bytes; 0: input comes over the link */
	bool is_progress_shown;
	int64_t progress_ns; /* monotonic time of the next progress report */
	int64_t started_ns;
};

/* ---- input.c: frames from the host ---- */

/* Handles every frame that is there. */
NB_MUST_USE enum nb_status session_receive(struct session *session);

/* Finds etc/stdin, which then is the input. `entry` is scratch. */
void session_find_input(struct session *session, struct archive_entry *entry);

/* Gives the program what input it takes, and grants the host that much again. */
void session_move_input(struct session *session);

/* ---- output.c: frames to the host ---- */

/* Sends what the program wrote as far as it is granted and fits. */
void session_move_output(struct session *session);

/* Sends the progress of compiling, once it takes long. */
void session_report_progress(struct session *session);

/* Sends what the kernel wants to be shown, as far as it fits. */
void session_report_log(struct session *session);

/* Sends a text of any length as MESSAGE frames. */
NB_MUST_USE enum nb_status session_message(struct session *session, const char *text, uint32_t len);

/* Sends the program's exit record and EXIT. */
NB_MUST_USE enum nb_status session_report_end(struct session *session);

/* Sends EXIT for a program that never ran. */
NB_MUST_USE enum nb_status
session_report_failure(struct session *session, int32_t status, const char *reason);

#endif
