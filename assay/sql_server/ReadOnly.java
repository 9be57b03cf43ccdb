package assay;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Locale;
import java.util.Set;
import org.apache.spark.sql.catalyst.analysis.UnresolvedFunction;
import org.apache.spark.sql.catalyst.analysis.UnresolvedNamespace;
import org.apache.spark.sql.catalyst.analysis.UnresolvedRelation;
import org.apache.spark.sql.catalyst.analysis.UnresolvedTable;
import org.apache.spark.sql.catalyst.analysis.UnresolvedTableOrView;
import org.apache.spark.sql.catalyst.parser.ParserInterface;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import scala.Function2;
import scala.Product;
import scala.collection.Iterable;
import scala.collection.Iterator;
import scala.collection.Seq;

/** A session's parser that refuses what is not on the lists: statements and steps, schemas of tables; and some functions. */
public final class ReadOnly implements InvocationHandler {
    private final Set plans;
    private final Set schemas;
    private final Set functions;
    private final Object parser;

    private ReadOnly(Set plans, Set schemas, Set functions, Object parser) {
        this.plans = plans;
        this.schemas = schemas;
        this.functions = functions;
        this.parser = parser;
    }

    /** What Spark asks for the parser of each new session: (session, its parser) -> the parser to use. */
    public static Object parsers(Object plans, Object schemas, Object functions) {
        return proxy(Function2.class, new ReadOnly((Set) plans, (Set) schemas, (Set) functions, null));
    }

    private static Object proxy(Class of, InvocationHandler handler) {
        return Proxy.newProxyInstance(of.getClassLoader(), new Class[] {of}, handler);
    }

    public Object invoke(Object self, Method method, Object[] given) throws Throwable {
        if (parser == null) {
            // Hive gives a connection's thread a loader that knows only Spark's own jars, and so no catalog of Delta's.
            Thread.currentThread().setContextClassLoader(ReadOnly.class.getClassLoader());
            return proxy(ParserInterface.class, new ReadOnly(plans, schemas, functions, given[1]));
        }
        Object parsed;
        try {
            parsed = method.invoke(parser, given);
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
        if (parsed instanceof LogicalPlan) {
            // Spark puts the process's environment variables and properties into texts: ${env:HOME}.
            require(!((String) given[0]).contains("${"), "${ in a statement");
            check(parsed);
        }
        return parsed;
    }

    private void check(Object part) {
        if (part instanceof LogicalPlan) {
            String kind = ((LogicalPlan) part).nodeName();
            require(plans.contains(kind), kind);
        }
        if (part instanceof UnresolvedRelation) {
            checkTable(((UnresolvedRelation) part).multipartIdentifier());
        } else if (part instanceof UnresolvedTable) {
            checkTable(((UnresolvedTable) part).multipartIdentifier());
        } else if (part instanceof UnresolvedTableOrView) {
            checkTable(((UnresolvedTableOrView) part).multipartIdentifier());
        } else if (part instanceof UnresolvedNamespace) {
            checkSchema(((UnresolvedNamespace) part).multipartIdentifier());
        } else if (part instanceof UnresolvedFunction) {
            String name = (String) ((UnresolvedFunction) part).nameParts().last();
            require(!functions.contains(name.toLowerCase(Locale.ROOT)), "the function " + name);
        }
        // Whatever it is made of, and not only its children: a relation's version, say, has the relation beside them.
        Iterator parts = null;
        if (part instanceof Iterable) {
            parts = ((Iterable) part).iterator();
        } else if (part instanceof Product) {
            parts = ((Product) part).productIterator();
        }
        while (parts != null && parts.hasNext()) {
            check(parts.next());
        }
    }

    private void checkTable(Seq name) {
        checkSchema((Seq) name.take(name.size() - 1));
    }

    /** A file's path stands where a schema does: csv.`/etc/passwd`. */
    private void checkSchema(Seq name) {
        boolean whole = name.size() > 0 && "spark_catalog".equalsIgnoreCase((String) name.head());
        Seq rest = whole ? (Seq) name.drop(1) : name;
        boolean known = rest.isEmpty()
            || rest.size() == 1 && schemas.contains(((String) rest.head()).toLowerCase(Locale.ROOT));
        require(known, "the schema " + name.mkString("."));
    }

    private static void require(boolean allowed, String found) {
        if (!allowed) {
            throw new IllegalArgumentException("This server answers questions to the lakehouse's tables. Refused: " + found);
        }
    }
}
