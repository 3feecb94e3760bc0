package jinja

import "strings"

// callArguments are the values that a call passes.
type callArguments struct {
	positional []Value
	names      []string
	named      []Value
}

// function is a callable that Go implements: a global, or a method with its value bound.
type function struct {
	name string
	call func(r *renderer, a *callArguments) Value
}

// macro is a callable that the template defines, with the variables around it.
type macro struct {
	*macroBody
	outer *activation
}

// selfReference is "self", by which a template runs its blocks again.
type selfReference struct{ *renderer }

func (r *renderer) arguments(x *arguments, a *activation) *callArguments {
	args := &callArguments{}
	if len(x.positional)+len(x.named) == 0 && x.starred == nil && x.doubleStarred == nil {
		return args
	}
	args.positional = r.evalAll(x.positional, a)
	args.names = append([]string(nil), x.names...)
	args.named = r.evalAll(x.named, a)
	if x.starred != nil {
		args.positional = append(args.positional, r.all(r.eval(x.starred, a))...)
	}
	if x.doubleStarred != nil {
		d, ok := r.eval(x.doubleStarred, a).(*Dict)
		if !ok {
			r.raise("argument after ** must be a mapping")
		}
		for i, key := range d.keys {
			name, ok := asText(key)
			if !ok {
				r.raise("keywords must be strings")
			}
			args.add(r, name, d.values[i])
		}
	}
	return args
}

// add passes a value by name.
func (a *callArguments) add(r *renderer, name string, v Value) {
	for _, n := range a.names {
		r.step(1)
		if n == name {
			r.raise("got multiple values for keyword argument '%s'", name)
		}
	}
	r.alloc(48)
	a.names, a.named = append(a.names, name), append(a.named, v)
}

// take removes a value passed by name.
func (a *callArguments) take(name string) Value {
	for i, n := range a.names {
		if n == name {
			v := a.named[i]
			a.names = append(append([]string(nil), a.names[:i]...), a.names[i+1:]...)
			a.named = append(append([]Value(nil), a.named[:i]...), a.named[i+1:]...)
			return v
		}
	}
	return missing
}

// bind returns the values of parameters, which may be passed by place or by name. One whose name ends in "?" may be left out and is
// missing then, one that begins with "/" only goes by place.
func (a *callArguments) bind(r *renderer, function string, parameters ...string) []Value {
	values := make([]Value, len(parameters))
	if len(a.positional) > len(parameters) {
		r.raise("%s() takes at most %d arguments (%d given)", function, len(parameters), len(a.positional))
	}
	used := 0
	for i, p := range parameters {
		name, optional := strings.CutSuffix(p, "?")
		name, placed := strings.CutPrefix(name, "/")
		values[i] = missing
		for j, n := range a.names {
			if n == name && !placed {
				values[i] = a.named[j]
				used++
			}
		}
		switch {
		case i < len(a.positional):
			if values[i] != missing {
				r.raise("%s() got multiple values for argument '%s'", function, name)
			}
			values[i] = a.positional[i]
		case values[i] == missing && !optional:
			r.raise("%s() missing a required argument: '%s'", function, name)
		}
	}
	if used < len(a.names) {
		r.raise("%s() got an unexpected keyword argument", function)
	}
	return values
}

func (a *callArguments) noNamed(r *renderer, function string) {
	if len(a.names) > 0 {
		r.raise("%s() takes no keyword arguments", function)
	}
}

// or returns a value, or another where it is missing.
func or(v, otherwise Value) Value {
	if v == missing {
		return otherwise
	}
	return v
}

// call evaluates a call; caller is what a call block passes, or nil.
func (r *renderer) call(x *call, a *activation, caller *macro) Value {
	f := r.eval(x.x, a)
	args := r.arguments(&x.arguments, a)
	r.line = x.line
	if caller != nil {
		args.add(r, "caller", caller)
	}
	return r.callValue(f, args)
}

func (r *renderer) callValue(f Value, args *callArguments) Value {
	r.enter()
	defer r.leave()
	switch f := f.(type) {
	case *macro:
		return r.callMacro(f, args)
	case *function:
		return f.call(r, args)
	case *loop:
		over := args.bind(r, "loop", "iterable")
		if f.recurse == nil {
			r.raise("the loop must have the 'recursive' marker to be called recursively")
		}
		return f.recurse(over[0], f.depth0+1)
	case *joiner:
		args.bind(r, "joiner")
		if !f.used {
			f.used = true
			return ""
		}
		return f.separator
	}
	r.defined(f)
	r.raise("'%s' object is not callable", typeName(f))
	return nil
}

func (r *renderer) callMacro(m *macro, args *callArguments) string {
	r.enter()
	defer r.leave()
	a := r.activate(m.function, m.outer)
	n := len(m.parameters)
	foundCaller := false
	for i := range m.parameters {
		p := &m.parameters[i]
		var v Value
		if i < len(args.positional) {
			v = args.positional[i]
		} else {
			v = args.take(p.name)
			foundCaller = foundCaller || p.name == "caller"
		}
		*a.place(p.variable) = v
	}
	if n <= len(args.positional) {
		for i := range m.parameters {
			foundCaller = foundCaller || m.parameters[i].name == "caller"
		}
	}
	if m.caller != nil && !foundCaller {
		v := args.take("caller")
		if v == missing || v == nil {
			v = r.undefined("No caller defined")
		}
		*a.place(*m.caller) = v
	}
	if m.kwargs != nil {
		d := NewDict()
		for i, name := range args.names {
			r.setItem(d, name, args.named[i])
		}
		*a.place(*m.kwargs) = d
	} else if len(args.names) > 0 {
		r.raise("macro '%s' takes no keyword argument '%s'", m.name, args.names[0])
	}
	if m.varargs != nil {
		*a.place(*m.varargs) = r.newTuple(args.positional[min(n, len(args.positional)):]...)
	} else if len(args.positional) > n {
		r.raise("macro '%s' takes not more than %d argument(s)", m.name, n)
	}
	r.enterScope(&m.scope, a)
	for i := range m.parameters {
		p := &m.parameters[i]
		if *a.place(p.variable) != missing {
			continue
		}
		if d := i - (n - len(m.defaults)); d >= 0 {
			*a.place(p.variable) = r.eval(m.defaults[d], a)
		} else {
			*a.place(p.variable) = r.undefined("parameter '%s' was not provided", p.name)
		}
	}
	return r.meter.text(r.capture(func() { r.run(m.body, a) }))
}

// attributeOf returns an attribute of a value's type, as Python's getattr.
func (r *renderer) attributeOf(x Value, name string) (Value, bool) {
	if strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") {
		switch name {
		case "__class__", "__doc__", "__init__", "__eq__", "__hash__", "__repr__", "__str__", "__len__", "__iter__", "__getitem__", "__contains__", "__dict__", "__call__":
			return r.unsafe(x, name), true
		}
		return nil, false
	}
	switch x := x.(type) {
	case *loop:
		return x.attribute(name)
	case *namespace:
		return x.attributes.Get(name)
	case *cycler:
		return x.attribute(name)
	case *joiner:
		switch name {
		case "sep":
			return x.separator, true
		case "used":
			return x.used, true
		}
	case *macro:
		return x.attribute(r, name)
	case *tuple:
		if len(x.items) == 2 && (name == "grouper" || name == "list") && x.grouped {
			return x.items[map[string]int{"grouper": 0, "list": 1}[name]], true
		}
	case *numbers:
		switch name {
		case "start":
			return x.start, true
		case "stop":
			return x.stop, true
		case "step":
			return x.step, true
		}
	case *selfReference:
		if b := r.template.blocks[name]; b != nil {
			return &function{name, func(r *renderer, a *callArguments) Value {
				a.bind(r, name)
				return r.meter.text(r.capture(func() { r.named(b, &activation{}) }))
			}}, true
		}
	case *function:
		if x.name == "dict" && name == "fromkeys" {
			return &function{name, dictFromKeys}, true
		}
	}
	return r.method(x, name)
}

// unsafe is what the sandbox does not give: it prints as nothing, using it is an error.
func (r *renderer) unsafe(x Value, name string) Value {
	u := r.undefined("access to attribute '%s' of '%s' object is unsafe", name, typeName(x))
	u.unsafe = true
	return u
}

func (m *macro) attribute(r *renderer, name string) (Value, bool) {
	switch name {
	case "name":
		if m.macroBody.name == "" {
			return nil, true
		}
		return m.macroBody.name, true
	case "arguments":
		items := make([]Value, len(m.parameters))
		for i, p := range m.parameters {
			items[i] = p.name
		}
		return r.newTuple(items...), true
	case "catch_kwargs":
		return m.kwargs != nil, true
	case "catch_varargs":
		return m.varargs != nil, true
	case "caller":
		return m.usesCaller, true
	}
	return nil, false
}
