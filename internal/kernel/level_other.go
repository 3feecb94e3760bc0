package kernel

func availableLevels() []Level { return []Level{Generic} }
