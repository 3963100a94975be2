/*
 * Which bytes of each vector anybody needs.
 *
 * Compilers give the lanes of a shuffle that do not matter any number, and say
 * nowhere which they are. Seen from its users it shows: one walk over the
 * instructions from last to first collects for every vector the bytes that
 * they look at. Users stand behind definitions in this order; what goes along
 * edges is taken to be needed whole.
 */
#include "compiler/x64/select.h"

enum { WHOLE = 0xffff };

/* The lanes of 1 << width bytes that have a needed byte, whole. */
static uint16_t
whole_lanes(uint32_t demand, uint32_t width)
{
	uint32_t lane = (1u << (1u << width)) - 1, out = 0;
	for (uint32_t at = 0; at < 16; at += 1u << width)
		if (demand >> at & lane)
			out |= lane << at;
	return (uint16_t)out;
}

/* Of each lane only the bytes from `first` to before `end`. */
static uint16_t
part_of_lanes(uint32_t lanes, uint32_t width, uint32_t first, uint32_t end)
{
	uint32_t part = ((1u << end) - 1) & ~((1u << first) - 1), mask = 0;
	for (uint32_t at = 0; at < 16; at += 1u << width)
		mask |= part << at;
	return (uint16_t)(lanes & mask);
}

/* What lanes of twice the width need of lanes that they extend. */
static uint16_t
demand_of_extend(uint32_t demand, uint32_t width)
{
	uint32_t half = 1u << (width - 1), out = 0;
	for (uint32_t i = 0; i < 16u >> width; i++)
		if (demand >> (i << width) & ((1u << 2 * half) - 1))
			out |= ((1u << half) - 1) << i * half;
	return (uint16_t)out;
}

/* What operation `inst` needs of vector argument `number`, its own value being
 * needed in `demand`. */
static uint16_t
demand_of_vector(const struct ir_inst *inst, uint32_t demand, uint32_t number)
{
	const struct ir_vector_info *info = ir_vector_info(inst);
	uint32_t width = ir_shape_width(info->shape);
	switch ((uint32_t)info->meaning) {
	case IR_LANE_AND:
	case IR_LANE_OR:
	case IR_LANE_XOR:
	case IR_LANE_ANDNOT:
	case IR_LANE_BITSELECT:
		return (uint16_t)demand;
	case IR_LANE_MUL_EVEN_S:
	case IR_LANE_MUL_EVEN_U:
		return part_of_lanes(whole_lanes(demand, width), width, 0, 1u << (width - 1));
	case IR_LANE_EXTEND_LOW_S:
	case IR_LANE_EXTEND_LOW_U:
		return demand_of_extend(demand, width);
	case IR_LANE_SWIZZLE:
		return number == 0 ? WHOLE : (uint16_t)demand;
	case IR_LANE_CONVERT_I32:
	case IR_LANE_PROMOTE:
		return info->shape == IR_SHAPE_F64X2 ? 0x00ff : whole_lanes(demand, width);
	case IR_LANE_NARROW_S:
	case IR_LANE_NARROW_U:
	case IR_LANE_TRUNC_F64:
	case IR_LANE_DEMOTE:
		return WHOLE;
	default:
		return whole_lanes(demand, width);
	}
}

static uint16_t
demand_of_shift(const struct selector *s, const struct ir_inst *inst, uint32_t demand)
{
	const struct ir_vector_info *info = ir_vector_info(inst);
	const struct ir_inst *count = select_inst(s, inst->args[1]);
	uint32_t width = ir_shape_width(info->shape), bytes = 1u << width;
	uint32_t lanes = whole_lanes(demand, width);
	if (count->op != IR_CONST || (uint32_t)count->imm >= 8 * bytes)
		return (uint16_t)lanes;
	uint32_t gone = (uint32_t)count->imm / 8;
	if (info->meaning == IR_LANE_SHL)
		return part_of_lanes(lanes, width, 0, bytes - gone);
	return part_of_lanes(lanes, width, gone, bytes);
}

static void
propagate_shuffle(struct selector *s, const struct ir_inst *inst, uint32_t demand)
{
	const uint8_t *pattern = ir_shuffle_pattern(s->ir, inst);
	for (uint32_t i = 0; i < 16; i++)
		if (demand >> i & 1)
			s->demand[inst->args[pattern[i] / 16]] |= (uint16_t)(1u << pattern[i] % 16);
}

static uint16_t
lane_bytes(const struct ir_inst *inst)
{
	uint32_t width = ir_shape_width(ir_vector_info(inst)->shape);
	uint32_t lane = (1u << (1u << width)) - 1;
	return (uint16_t)(lane << (ir_vector_lane(inst) << width));
}

/* Adds what `inst`, its own value being needed in `demand`, needs of others. */
static void
propagate(struct selector *s, const struct ir_inst *inst, uint32_t demand)
{
	uint32_t arg_count = ir_op_info(inst->op)->arg_count;
	switch (inst->op) {
	case IR_VECTOR1:
	case IR_VECTOR2:
	case IR_VECTOR3:
		for (uint32_t i = 0; i < arg_count; i++)
			s->demand[inst->args[i]] |= demand_of_vector(inst, demand, i);
		break;
	case IR_VSHIFT:
		s->demand[inst->args[0]] |= demand_of_shift(s, inst, demand);
		break;
	case IR_SHUFFLE:
		propagate_shuffle(s, inst, demand);
		break;
	case IR_EXTRACT:
		s->demand[inst->args[0]] |= lane_bytes(inst);
		break;
	case IR_REPLACE:
		s->demand[inst->args[0]] |= (uint16_t)(demand & ~(uint32_t)lane_bytes(inst));
		break;
	case IR_SELECT:
		s->demand[inst->args[1]] |= (uint16_t)demand;
		s->demand[inst->args[2]] |= (uint16_t)demand;
		break;
	default:
		for (uint32_t i = 0; i < arg_count; i++)
			s->demand[inst->args[i]] = WHOLE;
		break;
	}
}

/* Values that are listed, or go along an edge. */
static void
demand_listed(struct selector *s, const struct ir_inst *inst)
{
	if (ir_op_info(inst->op)->flags & IR_OP_LIST) {
		struct ir_list list = ir_inst_list(s->ir, inst);
		for (uint32_t i = 0; i < list.count; i++)
			s->demand[list.values[i]] = WHOLE;
	}
	for (uint32_t e = 0; e < ir_inst_edge_count(inst); e++) {
		const struct ir_edge *edge = ir_inst_edge(s->ir, inst, e);
		for (uint32_t i = 0; i < edge->arg_count; i++)
			s->demand[s->ir->lists[edge->first_arg + i]] = WHOLE;
	}
}

enum nb_status
select_demand_compute(struct selector *s)
{
	const struct ir_function *ir = s->ir;
	s->demand = arena_new_array(s->arena, uint16_t, ir->inst_count);
	if (!s->demand)
		return NB_OUT_OF_MEMORY;
	for (uint32_t i = ir->order_count; i-- > 0;)
		for (uint32_t value = ir->blocks[ir->order[i]].last_inst; value != IR_NONE;) {
			const struct ir_inst *inst = select_inst(s, value);
			demand_listed(s, inst);
			propagate(s, inst, s->demand[value]);
			value = inst->prev;
		}
	return NB_OK;
}
